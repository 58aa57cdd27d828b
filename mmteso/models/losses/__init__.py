# Copyright (c) mmteso contributors. All rights reserved.
from .cue_loss import CueLoss
from .latent_component_loss import LatentComponentLoss, latent_component_loss

__all__ = ['CueLoss', 'LatentComponentLoss', 'latent_component_loss']
