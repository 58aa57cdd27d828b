# Table G9, row 9, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='background_objects')
cue_file = 'data/avsbench/cues_g9-09.jsonl'
