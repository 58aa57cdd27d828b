# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of parts of a model: load them whole, tell them apart."""
import hashlib
from typing import Any, Dict, Optional, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmteso.io.hf_folder import quiet_transformers


class PretrainedModule(BaseModule):
    """A part of a model whose weights come from a file or folder, or chance.

    They are read when training starts, all of them, by the subclass's
    ``load_pretrained(path)``, and stay in the checkpoints that training
    writes, so testing needs no other file. mmengine's own way accepts weights
    that are not whole.

    Args:
        init_cfg (dict, optional): Of type Pretrained, with a ``checkpoint``.
            Defaults to None: random weights.

    Raises:
        ValueError: If ``init_cfg`` is of another type.
    """

    def __init__(self, init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if init_cfg is not None and init_cfg.get('type') != 'Pretrained':
            raise ValueError(f'init_cfg of {type(self).__name__} must be of '
                             f'type Pretrained, but got {init_cfg}')

    def init_weights(self) -> None:
        """Read the weights that ``init_cfg`` names.

        Raises:
            FileNotFoundError: If they are not there.
            ValueError, RuntimeError: If they are of another network, or not
                whole.
        """
        if self.init_cfg is not None and not self.is_init:
            self.load_pretrained(self.init_cfg['checkpoint'])
        self._is_init = True


def from_pretrained(cls: type,
                    source: str,
                    optional: Sequence[str] = (),
                    **kwargs) -> nn.Module:
    """Read a model of transformers, from a folder or the Hub, whole.

    Args:
        cls (type): Its class.
        source (str): A folder, or an id on the Hugging Face Hub.
        optional (Sequence[str]): Parts of the names of weights that may be
            missing.
        **kwargs: See ``from_pretrained`` of transformers.

    Returns:
        nn.Module: In float32, on the CPU.

    Raises:
        OSError: If there is no such model.
        ValueError: If weights are missing: transformers would go on with
            random ones.
    """
    with quiet_transformers():
        model, report = cls.from_pretrained(
            source, output_loading_info=True, **kwargs)
    missing = sorted(
        key for key in map(str, report['missing_keys'])
        if not any(part in key for part in optional))
    if missing:
        raise ValueError(
            f'the weights in {source!r} lack {len(missing)} parameters of '
            f'{type(model).__name__}, e.g. {missing[0]}')
    return model.float()


def load_part(module: nn.Module, state_dict: Dict[str, Tensor],
              source: str) -> None:
    """Load all weights of a part; only adapters' may be missing.

    Raises:
        RuntimeError: If a weight is missing, unknown or of another shape; it
            names the ``source``.
    """
    try:
        missing, unknown = module.load_state_dict(state_dict, strict=False)
        missing = [key for key in missing if '.adapter.' not in key]
        if missing or unknown:
            raise RuntimeError(f'missing {missing}, unknown {unknown}')
    except RuntimeError as error:
        raise RuntimeError(
            f'the weights in "{source}" do not fit: {error}') from error


class TransformersPart(BaseModule):
    """A part that wraps a model of transformers, as its ``model``.

    Checkpoints are loaded with ``strict=False``: weights under the names of
    another version of transformers would be left random, with a warning.
    They are refused here; those of adapters may be missing.
    """

    def _load_from_state_dict(self, state_dict: Dict[str, Tensor],
                              prefix: str, *args: Any, **kwargs: Any) -> None:
        own = f'{prefix}model.'
        found = {
            key[len(own):]
            for key in state_dict if key.startswith(own)
        }
        wrong = sorted(key for key in found ^ self.model.state_dict().keys()
                       if '.adapter.' not in key)
        if found and wrong:
            raise RuntimeError(
                f'the checkpoint\'s {own}* are not the weights of this '
                f'{type(self).__name__}: {wrong[:3]}, ... are missing or '
                'unknown. Take the version of transformers that it was '
                'trained with')
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def state_sha256(module: nn.Module) -> str:
    """Fingerprint of a module's weights: names, types, shapes and bits.

    Returns:
        str: SHA-256 in hex; '' for a module without weights.
    """
    state = module.state_dict()
    if not state:
        return ''
    digest = hashlib.sha256()
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f'{name}|{tensor.dtype}|{tuple(tensor.shape)}|'.encode())
        # as bytes, because NumPy has no bfloat16
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
