# Copyright (c) mmteso contributors. All rights reserved.
"""Generators of small data sets in AVSBench's layout; nothing is registered.
"""
