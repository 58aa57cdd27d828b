# Copyright (c) mmteso contributors. All rights reserved.
from .audio_text_fusion import AudioTextFusion, FusionLayer

__all__ = ['AudioTextFusion', 'FusionLayer']
