# Table G9, row 1 (teso.py's prompt), on the descriptions of captions_llava.py,
# which all rows share.
_base_ = './teso.py'
captioner = dict(
    _delete_=True,
    type='FixedCaptions',
    captions_file='data/avsbench/captions_llava.jsonl',
    # a frame that could not be described fails, and not the whole run
    missing='fail')
cue_file = 'data/avsbench/cues_g9-01.jsonl'
