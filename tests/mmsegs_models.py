# Copyright (c) mmteso contributors. All rights reserved.
"""The models that mmseg ships as bases, and which can't be told or tried."""
from pathlib import Path

import mmseg

FOLDER = Path(mmseg.__file__).parent / '.mim' / 'configs' / '_base_' / 'models'
# What can't be told through features, and why.
OTHERS = {
    'ocrnet_hr18': 'CascadeEncoderDecoder',
    'ocrnet_r50-d8': 'CascadeEncoderDecoder',
    'pointrend_r50': 'CascadeEncoderDecoder',
    'san_vit-b16': 'MultimodalEncoderDecoder',
    'dpt_vit-b16': 'class tokens among the features',
    # by itself; its leaf configs mend the auxiliary head's channels
    'upernet_mae': 'fits together in no size',
    # Stable Diffusion, from a config of its own that isn't shipped
    'vpd_sd': 'DepthEstimator',
}
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))
NEED_MMPRETRAIN = ('fpn_poolformer_s12', 'upernet_convnext')
NEED_COMPILED_OPS = ('psanet_r50-d8', )
