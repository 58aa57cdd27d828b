# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from narrow import SIZE, load, narrow_model

from mmteso.analysis.influence import measure_influence
from mmteso.analysis.simulated import model_without_files, simulated_batches


def influences(name, narrow=True):
    """(by sound, by text) of each stage of a new model."""
    cfg = load(name)
    if narrow:
        narrow_model(cfg.model)
    cfg.model.data_preprocessor.size = (SIZE, SIZE)
    if 'dynamic_mask' in cfg.model.prompt_encoder:
        # an untrained mask may drop all cues, and the text with them
        cfg.model.prompt_encoder.dynamic_mask.mode = 'off'
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = model_without_files(cfg).eval()
    batch = next(simulated_batches(cfg, model, 3))
    data = model.data_preprocessor(batch, False)
    return measure_influence(model, **data)


@pytest.mark.parametrize('row, unheard', [('without-audio', 0),
                                          ('without-text', 1)])
def test_what_a_model_does_not_read_has_no_influence(row, unheard):
    found = influences(f'ablations/v1m/{row}.py')
    for values in found.values():
        assert values[unheard] == 0 and values[1 - unheard] > 0


def test_change_is_relative():
    """A stage that is half another frame's changes by what differs."""

    class Model(torch.nn.Module):

        def __init__(self):
            super().__init__()
            self.prompt_encoder = torch.nn.Identity()

        def predict(self, inputs, data_samples):
            x = self.prompt_encoder(
                torch.cat([inputs['audio_feat'], inputs['text_feat']], 1))
            return [SegDataSample(
                        sounding_score=PixelData(data=row[None, None]))
                    for row in x]

    inputs = dict(img=torch.zeros(2, 1),
                  audio_feat=torch.tensor([[3.], [-3.]]),
                  text_feat=torch.tensor([[4.], [4.]]))
    for sound, text in measure_influence(Model(), inputs).values():
        assert sound == pytest.approx(120)  # 6 of 5
        assert text == 0
    with pytest.raises(ValueError, match='two frames'):
        measure_influence(Model(), {k: v[:1] for k, v in inputs.items()})
