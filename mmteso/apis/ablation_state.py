# Copyright (c) mmteso contributors. All rights reserved.
"""What an ablation's result is of: the state of a config and of its data."""
import hashlib
import json
import os.path as osp
from typing import Any, Dict, Sequence

from mmengine.config import Config

from mmteso.engine.sound_steps import dataset_configs
from mmteso.testbeds.synthavs.files import MANIFEST, read_manifest

# what a trained model depends on, down to the choice of the checkpoint
_TRAINING = ('model', 'train_dataloader', 'val_dataloader', 'val_evaluator',
             'optim_wrapper', 'param_scheduler', 'train_cfg')
_TEST = ('test_dataloader', 'test_evaluator')


def config_hash(cfg: Config, options: Sequence[str] = ()) -> str:
    """Hash of what a config says about a training and its test.

    Args:
        cfg (Config): The config.
        options (Sequence[str]): Its ``--cfg-options``. Defaults to ().

    Returns:
        str: The first 16 hex digits of a SHA-256.
    """
    parts = _parts(cfg, (*_TRAINING, *_TEST, 'load_from'))
    text = json.dumps([parts, list(options)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parts(cfg: Config, names: Sequence[str]) -> Dict[str, Any]:
    content = cfg.to_dict()
    parts = {name: content.get(name) for name in names}
    parts['checkpoint'] = content.get('default_hooks', {}).get('checkpoint')
    return parts


def data_manifests(cfg: Config) -> Dict[str, Any]:
    """Which data a config reads, as SynthAVS's manifests tell.

    Args:
        cfg (Config): The config.

    Returns:
        dict: By folder the generator's version and arguments; None for a
        folder that is no SynthAVS.
    """
    folders = {
        str(leaf['data_root'])
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader')
        for leaf in dataset_configs(cfg.get(name, {}).get('dataset', {}))
        if 'data_root' in leaf
    }
    manifests = {}
    for folder in sorted(folders):
        manifests[folder] = None
        if osp.isfile(osp.join(folder, MANIFEST)):
            found = read_manifest(folder)
            manifests[folder] = {
                key: found[key]
                for key in ('generator_version', 'arguments')
            }
    return manifests


def check_same_training(cfg: Config, kept: str) -> None:
    """Compare a config with the one that a run left.

    Args:
        cfg (Config): Today's.
        kept (str): Path of the other one.

    Raises:
        ValueError: If they train different models. Their starts are not
            compared, and may test differently.
    """
    one, other = (
        json.dumps(_parts(config, _TRAINING), sort_keys=True, default=str)
        for config in (cfg, Config.fromfile(kept)))
    if one != other:
        raise ValueError(f'the model beside {kept} is of another config than '
                         "today's: train it again")
