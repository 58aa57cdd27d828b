# Copyright (c) mmteso contributors. All rights reserved.
from .adapters import *  # noqa: F401,F403
from .audio_encoders import *  # noqa: F401,F403
from .backbones import *  # noqa: F401,F403
from .clips import same_clip
from .data_preprocessor import AVTDataPreProcessor
from .decode_heads import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .prompting import *  # noqa: F401,F403
from .segmentors import *  # noqa: F401,F403
from .text_encoders import *  # noqa: F401,F403
from .zero_shot import *  # noqa: F401,F403

__all__ = ['AVTDataPreProcessor', 'same_clip']
