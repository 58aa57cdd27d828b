# TeSO_n: nouns of the description, no language model (table D7, row 4).
_base_ = './teso.py'
reasoner = dict(_delete_=True, type='NounParser', num_cues=4)
cue_file = 'data/avsbench/cues_teso-n.jsonl'
