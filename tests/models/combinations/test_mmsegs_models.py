# Copyright (c) mmteso contributors. All rights reserved.
"""Each model that mmseg ships as a base, with sound and text, at full size."""
from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import fusion_parts, make_batch

from mmteso.ops import is_stand_in

FOLDER = Path(mmseg.__file__).parent / '.mim' / 'configs' / '_base_' / 'models'
# What can't be told through features: segmentors of other kinds; class tokens
# among the features (DPT); and one that fits together in no size, since only
# its leaf configs mend the auxiliary head's channels (MAE).
OTHERS = ('ocrnet_hr18', 'ocrnet_r50-d8', 'pointrend_r50', 'san_vit-b16',
          'dpt_vit-b16', 'upernet_mae', 'vpd_sd')
NEED_MMPRETRAIN = ('fpn_poolformer_s12', 'upernet_convnext')
NEED_COMPILED_OPS = ('psanet_r50-d8', )
SIZE = 128
# whose pooling has a window of 49 pixels at a stride of 8 or 16
LARGE = {'lraspp_m-v3-d8': 512}


def without_sync_bn(value):
    """BN in SyncBN's place, which needs a process group, and no weights."""
    if isinstance(value, dict):
        value = {key: without_sync_bn(item) for key, item in value.items()
                 if key not in ('pretrained', 'init_cfg')}
        if value.get('type') == 'SyncBN':
            value['type'] = 'BN'
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(without_sync_bn(item) for item in value)
    return value


def told(name, size):
    """The base, with what hears and reads around it."""
    model = ConfigDict(
        without_sync_bn(Config.fromfile(FOLDER / f'{name}.py').model))
    # whatever crops it was trained for
    model.update(test_cfg=dict(mode='whole'), data_preprocessor=None)
    if 'img_size' in model.backbone:
        model.backbone.img_size = (size, size)
    host = MODELS.build(model).eval()
    with torch.no_grad():
        features = host.extract_feat(torch.zeros(1, 3, size, size))
    model.update(fusion_parts([level.shape[1] for level in features]))
    return MODELS.build(model)


@pytest.mark.slow
@pytest.mark.parametrize('name', [path.stem
                                  for path in sorted(FOLDER.glob('*.py'))
                                  if path.stem not in OTHERS])
def test_hears(name):
    if name in NEED_MMPRETRAIN:
        pytest.importorskip('mmpretrain')
    if name in NEED_COMPILED_OPS and is_stand_in():
        pytest.skip('mmcv has no compiled ops')
    init_default_scope('mmseg')
    torch.manual_seed(0)
    size = LARGE.get(name, SIZE)
    model = told(name, size)
    number = model.decode_head[-1].num_classes if isinstance(
        model.decode_head, torch.nn.ModuleList) \
        else model.decode_head.num_classes
    for layer in model.fusion.layers.values():
        torch.nn.init.normal_(layer.up.weight)
    losses = model.train().loss(**make_batch(size=size))
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(weight.grad.abs().max() > 0
               for name, weight in model.prompt_encoder.named_parameters()
               # a softmax doesn't feel a shift of all keys
               if not name.endswith('k_proj.bias'))
    results = []
    with torch.no_grad():
        for loudness in (0, 1):
            batch = make_batch(size=size)
            batch['inputs']['log_mel'] += loudness
            sample, _ = model.eval().predict(**batch)
            assert sample.seg_logits.data.shape == (number, size, size)
            results.append(sample.seg_logits.data)
    assert not torch.equal(*results)
