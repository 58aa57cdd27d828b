_base_ = ['./_base_/gavs.py']
