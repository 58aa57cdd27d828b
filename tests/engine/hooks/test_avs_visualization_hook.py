# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmengine.visualization import Visualizer
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer
from PIL import Image
from toy_runner import toy_config

from mmteso.engine import AVSVisualizationHook

RUNNER = None  # a test's pictures don't depend on it
PALETTE = [[0, 0, 0], [255, 0, 0]]


def make_sample(folder, uid='clip_0', frame=0, **metainfo):
    """A black frame, named as every video names it; its left half sounds."""
    path = folder / uid / f'{frame}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(path)
    labels = torch.zeros(1, 32, 48, dtype=torch.long)
    labels[..., :24] = 1
    return SegDataSample(gt_sem_seg=PixelData(data=torch.zeros_like(labels)),
                         pred_sem_seg=PixelData(data=labels),
                         metainfo=dict(img_path=str(path), uid=uid,
                                       frame=frame, subset='v2', **metainfo))


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Names of what has been drawn; the visualizer is the current one."""
    visualizer = SegLocalVisualizer(
        vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path / 'show'))
    visualizer.dataset_meta = dict(  # as the runner sets it
        classes=('background', 'sounding'), palette=PALETTE)
    monkeypatch.setattr(Visualizer, 'get_current_instance',
                        classmethod(lambda cls: visualizer))
    folder = tmp_path / 'show' / 'vis_data' / 'vis_image'

    def names():
        return sorted(path.name for path in folder.glob('*'))

    names.folder = folder
    return names


def test_first_frames_of_two_videos(tmp_path, pictures):
    hook = AVSVisualizationHook(draw=True)
    batches = [[make_sample(tmp_path), make_sample(tmp_path, frame=1)],
               [make_sample(tmp_path, 'clip_1')]]
    for index, outputs in enumerate(batches):
        hook.after_test_iter(RUNNER, index, {}, outputs)
    assert pictures() == ['test_v2_clip_0_0_0.png', 'test_v2_clip_0_1_0.png',
                          'test_v2_clip_1_0_0.png']
    drawn = np.asarray(Image.open(pictures.folder / pictures()[0]))
    assert drawn.shape == (32, 96, 3)
    # ground truth, then prediction, where something sounds; names of classes
    # may be written over both
    redness = (drawn[..., 0].astype(int) - drawn[..., 1]).clip(0)
    assert redness[:, 48:].mean() > redness[:, :48].mean() + 20


class DrawsAFrame(AVSVisualizationHook):
    """Draws a frame of clip_{batch} in place of the toy model's output."""

    def __init__(self, folder):
        super().__init__(draw=True, interval=4)
        self.folder = folder

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=()):
        samples = [make_sample(self.folder, f'clip_{batch_idx}', frame)
                   for frame in (0, 1)]
        super().after_val_iter(runner, batch_idx, outputs=samples)


def test_validation_draws_the_same_frames_each_time(tmp_path, pictures):
    """Six batches after the third and after the sixth iteration."""
    cfg = toy_config(tmp_path, experiment_name='trains_and_draws')
    cfg['train_cfg']['max_iters'] = 6
    runner = Runner.from_cfg(cfg)
    runner.register_hook(DrawsAFrame(tmp_path))
    runner.train()
    drawn = [f'val_v2_clip_{clip}_0_{iteration}.png' for clip in (0, 4)
             for iteration in (3, 6)]
    assert pictures() == drawn
    # a validation alone needs no training data; mmengine's own hook asks for
    # it to name the best checkpoint
    cfg['experiment_name'] = 'validates_only'
    cfg['train_dataloader']['dataset'] = dict(type='NoSuchData')
    cfg['default_hooks']['checkpoint'].pop('save_best')
    runner = Runner.from_cfg(cfg)
    runner.register_hook(DrawsAFrame(tmp_path))
    runner.val()
    assert set(pictures()) - set(
        drawn) == {'val_v2_clip_0_0_0.png', 'val_v2_clip_4_0_0.png'}
