# Copyright (c) mmteso contributors. All rights reserved.
from pathlib import Path
from typing import Optional, Union

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from torch import nn

from mmteso.engine import strict_loading, warn_of_other_config


def init_model(config: Union[str, Path, Config],
               checkpoint: Optional[str] = None,
               device: Optional[str] = None,
               cfg_options: Optional[dict] = None) -> nn.Module:
    """Build a segmentor with its weights, ready for testing.

    As mmseg's function of this name, but the checkpoint has to fit, and what
    the config changes in the computation since the training is logged as a
    warning.

    Args:
        config (str | Path | Config): With ``model``; not modified.
        checkpoint (str, optional): Weights. Defaults to None: random ones.
        device (str, optional): Defaults to None: what a runner would take.
        cfg_options (dict, optional): Settings that replace the config's.
            Defaults to None.

    Returns:
        nn.Module: In eval mode, with its config as ``cfg`` and the
        checkpoint's ``dataset_meta``.

    Raises:
        RuntimeError: If the checkpoint does not fit the model.
    """
    cfg = (
        config.copy()
        if isinstance(config, Config) else Config.fromfile(config))
    if cfg_options is not None:
        cfg.merge_from_dict(cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model)
    if checkpoint is not None:
        with strict_loading(model, checkpoint):
            loaded = load_checkpoint(
                model, checkpoint, map_location='cpu', strict=True)
        warn_of_other_config(loaded, cfg)
        meta = loaded.get('meta', {})
        # as mmseg's init_model has it: classes and palette of the training
        model.dataset_meta = meta.get('dataset_meta')
    model.cfg = cfg
    return model.to(device or get_device()).eval()
