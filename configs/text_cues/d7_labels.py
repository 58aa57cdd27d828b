# Table D7, row 5: the video-level labels of metadata.csv, no model.
_base_ = '../_base_/text_cues/avsbench_frames.py'
captioner = None
reasoner = dict(type='DatasetLabels', num_cues=4)
generator = dict(batch_size=256)
cue_file = 'data/avsbench/cues_d7-labels.jsonl'
