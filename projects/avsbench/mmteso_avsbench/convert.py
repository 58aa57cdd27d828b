# Copyright (c) mmteso contributors. All rights reserved.
"""The authors' checkpoints under the names that the model has here.

Source of their layout: ``avs_scripts/avs_{s4,ms3}/model/`` of
OpenNLPLab/AVSBench at 4d4c901.
"""
import re
from typing import Dict, Mapping

from mmdet.models.backbones.pvt import pvt_convert
from torch import Tensor

# What of a model here the authors' files have.
THEIRS = ('backbone.', 'decode_head.')

# What they build and never call: the second branch of the ResNet, and what
# would join a level before the coarsest one.
_UNUSED = re.compile(r'resnet\.layer[34]_2\.|path4\.resConfUnit1\.')

# Their levels count from 1.
_RULES = {
    r'resnet\.layer([34])_1\.': r'backbone.layer\1.',
    r'resnet\.': 'backbone.',
    r'encoder_backbone\.': 'backbone.',
    r'conv([1-4])\.conv2d_list\.': r'decode_head.aspp.{}.convs.',
    r'path([1-4])\.resConfUnit1\.': r'decode_head.lateral.{}.',
    r'path([1-4])\.resConfUnit2\.': r'decode_head.merge.{}.',
    r'tpavi_b([1-4])\.align_channel\.': r'decode_head.tpavi.{}.audio.',
    r'tpavi_b([1-4])\.norm_layer\.': r'decode_head.tpavi.{}.norm.',
    r'tpavi_b([1-4])\.W_z\.': r'decode_head.tpavi.{}.mu.',
    r'tpavi_b([1-4])\.': r'decode_head.tpavi.{}.',
    r'output_conv\.0\.': 'decode_head.before_last.',
    r'output_conv\.2\.': 'decode_head.last.',
    r'output_conv\.4\.': 'decode_head.conv_seg.',
}


def convert_checkpoint(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Bring the authors' weights into those of our configs.

    Args:
        state_dict (Mapping[str, Tensor]): Of their ``Pred_endecoder`` with
            PVTv2-B5 or ResNet-50 and TPAVI at all four stages.

    Returns:
        dict[str, Tensor]: Of backbone and head; what their model has and does
        not call is left out. Their checkpoints have no audio encoder.
    """
    state = {
        name: value
        for name, value in state_dict.items() if not _UNUSED.match(name)
    }
    prefix = 'encoder_backbone.'
    backbone = {
        name[len(prefix):]: state.pop(name)
        for name in list(state) if name.startswith(prefix)
    }
    state.update({
        prefix + name: value
        for name, value in (pvt_convert(backbone) if backbone else {}).items()
    })
    converted = {}
    for name, value in state.items():
        name = _rename(name)
        if value.dim() == 5:
            # 3D convolutions of one pixel of one second
            linear = name.endswith(('.g.weight', '.phi.weight'))
            value = value.flatten(1) if linear else value[..., 0]
        converted[name] = value.contiguous()
    return converted


def _rename(name: str) -> str:
    for pattern, new in _RULES.items():
        match = re.match(pattern, name)
        if match:
            if '{}' in new:
                new = new.format(int(match[1]) - 1)
            name = match.expand(new) + name[match.end():]
            break
    # conv1 and conv2 of a residual block stand behind a ReLU each
    return re.sub(
        r'(decode_head\.(?:lateral|merge)\.\d\.)conv([12])\.',
        lambda match: f'{match[1]}{2 * int(match[2]) - 1}.', name)
