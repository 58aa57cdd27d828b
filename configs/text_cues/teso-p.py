# TeSO_p: one demonstration (the paper's table G9, row 2).
_base_ = './teso.py'
reasoner = dict(prompt='one_shot_cot')
cue_file = 'data/avsbench/cues_teso-p.jsonl'
