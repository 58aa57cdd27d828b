default_scope = 'mmseg'
# Registers everything of mmteso. A list in a leaf config would replace this
# one: add to it there, don't leave mmteso out.
custom_imports = dict(imports=['mmteso'], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_level = 'INFO'
resume = False
