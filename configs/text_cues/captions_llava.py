# Descriptions only, for several reasoners or prompts to share.
_base_ = './teso.py'
reasoner = None
cue_file = 'data/avsbench/captions_llava.jsonl'
