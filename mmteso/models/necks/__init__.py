# Copyright (c) mmteso contributors. All rights reserved.
from .audio_text_fusion import AudioTextFusion, FusionLayer
from .fusion_levels import check_fusion

__all__ = ['AudioTextFusion', 'FusionLayer', 'check_fusion']
