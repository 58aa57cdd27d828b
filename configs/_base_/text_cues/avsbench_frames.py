# All frames of AVSBench, with or without mask, as the clips' models see them.
custom_imports = dict(
    imports=['mmteso', 'mmteso.text_cues'], allow_failed_imports=False)
frames = dict(
    type='DatasetFrames',
    dataset=dict(
        type='AVSBenchDataset',
        data_root='data/avsbench',
        subsets=('v1s', 'v1m', 'v2'),
        split=None,
        with_masks=False))
# frames of a batch; with a server as reasoner, overlap=True captions the next
# batch while the last one is reasoned about
generator = dict(batch_size=8, num_workers=2, overlap=False, max_failures=100)
