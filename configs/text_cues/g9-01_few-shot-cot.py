# Table G9, row 1 (teso.py's prompt), on the descriptions of captions_llava.py,
# which all rows share.
_base_ = './teso.py'
captioner = dict(
    _delete_=True,
    type='FixedCaptions',
    captions_file='data/avsbench/captions_llava.jsonl')
cue_file = 'data/avsbench/cues_g9-01.jsonl'
