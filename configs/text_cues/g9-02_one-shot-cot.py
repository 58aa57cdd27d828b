# Table G9, row 2 (teso-p.py's prompt).
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='one_shot_cot')
cue_file = 'data/avsbench/cues_g9-02.jsonl'
