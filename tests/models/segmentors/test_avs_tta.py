# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
import torch.nn.functional as F
from both_kinds import KeepOutputs, run_test, use_tta
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from narrow import SIZE, load, narrow_config
from torch import nn

from data import make_avsbench
from mmteso.models import AudioTextSegmentor, AVSTTAModel


class Segmentor(nn.Module):
    """What the merging needs of a segmentor with one channel."""

    def __init__(self):
        super().__init__()
        self.decode_head = nn.Module()
        self.decode_head.threshold = 0.3

    def test_step(self, data):
        raise NotImplementedError

    def sounding_score(self, seg_logits):
        return seg_logits


def test_merge_of_a_single_channel():
    """Probabilities, against the head's threshold."""
    views = [SegDataSample(seg_logits=PixelData(data=torch.tensor([[maps]])))
             for maps in ([0.5, 0.25], [0.25, 0.125])]
    merged, = AVSTTAModel(Segmentor()).merge_preds([views])
    assert merged.sounding_score.data.tolist() == [[[0.375, 0.1875]]]
    assert merged.pred_sem_seg.data.tolist() == [[[1, 0]]]


@pytest.mark.parametrize('name', ['teso/teso-cue_swin-b_v1m.py',
                                  'teso/teso_r50_avss.py'])
def test_shipped_configs(name, tmp_path, monkeypatch):
    """The merged score is that of the mean of both views, unflipped."""
    cfg = narrow_config(
        load(name), make_avsbench(tmp_path / 'data'), tmp_path / 'work')
    for steps in cfg.tta_pipeline[-1].transforms:
        for step in steps:
            if step.type == 'Resize':
                step.scale = (SIZE, SIZE)
    use_tta(cfg)
    seen, raw = [], []
    predict = AudioTextSegmentor.predict

    def spy(self, inputs, data_samples=None):
        raw.append([s.seg_logits.data for s in predict(self, inputs)])
        samples = predict(self, inputs, data_samples)
        seen.append([sample.clone() for sample in samples])
        return samples

    monkeypatch.setattr(AudioTextSegmentor, 'predict', spy)
    keep = KeepOutputs()
    runner, metrics = run_test(cfg, None, keep)
    assert 'avss/mIoU' in metrics or {'J', 'F'} <= set(metrics)
    first, second = seen  # one batch
    height, width = first[0].img_shape[:2]  # without padding
    # the second view's maps are flipped back: at the picture's own place
    unflipped = F.interpolate(
        torch.stack(raw[1])[..., :height, :width].flip(-1), first[0].ori_shape,
        mode='bilinear')
    torch.testing.assert_close(
        torch.stack([sample.seg_logits.data for sample in second]), unflipped)
    assert len(keep.samples) == 2
    for one, two, both in zip(first, second, keep.samples):
        assert (one.flip, two.flip) == (False, True)
        # loaded after the flip
        assert torch.equal(one.gt_sem_seg.data, two.gt_sem_seg.data)
        mean = (one.seg_logits.data + two.seg_logits.data) / 2
        score = runner.model.module.sounding_score(mean)
        torch.testing.assert_close(both.sounding_score.data, score)
        assert not torch.equal(score, two.sounding_score.data)
        # of S, not of the views' scores
        assert torch.equal(both.seg_logits.data, mean)
        assert torch.equal(both.pred_sem_seg.data, mean.argmax(0, True))
        assert torch.equal(both.cue_kept, one.cue_kept)
        assert (both.uid, both.frame) == (one.uid, one.frame)
