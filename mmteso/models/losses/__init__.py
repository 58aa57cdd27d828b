# Copyright (c) mmteso contributors. All rights reserved.
from .cue_loss import CueLoss
from .latent_component_loss import LatentComponentLoss, latent_component_loss
from .rank_averaged_loss import RankAveragedLoss

__all__ = [
    'CueLoss', 'LatentComponentLoss', 'RankAveragedLoss',
    'latent_component_loss'
]
