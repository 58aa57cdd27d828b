# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of parts of a model: load them whole, tell them apart."""
import hashlib
from typing import Dict, Optional, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmteso.io.hf_folder import quiet_transformers


class PretrainedModule(BaseModule):
    """A part of a model whose weights come from a file or folder, or chance.

    They are read when training starts, all of them, and stay in the
    checkpoints that training writes, so testing needs no other file. Not
    mmengine's way, which would call ``init_weights`` of the parts first and
    accept weights that are not whole. Subclasses have ``load_pretrained``,
    which gets the path.

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
            ValueError: If they are of another network, or not whole.
            RuntimeError: If names or shapes are not this network's.
        """
        if self.init_cfg is not None and not self.is_init:
            self.load_pretrained(self.init_cfg['checkpoint'])
        self._is_init = True


def from_pretrained(cls: type,
                    source: str,
                    optional: Sequence[str] = (),
                    **kwargs) -> nn.Module:
    """Read a model of transformers with all of its weights.

    Args:
        cls (type): Its class.
        source (str): A folder, or an id on the Hugging Face Hub.
        optional (Sequence[str]): Parts of the names of weights that may be
            missing. Defaults to ().
        **kwargs: See ``from_pretrained`` of transformers.

    Returns:
        nn.Module: In float32, on the CPU.

    Raises:
        OSError: If there is no such model.
        ValueError: If weights are missing; transformers would go on with
            random numbers in their place.
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

    Args:
        module (nn.Module): The part.
        state_dict (dict[str, Tensor]): Its weights.
        source (str): Where they come from, for the message.

    Raises:
        RuntimeError: If a weight is missing, unknown or of another shape.
    """
    try:
        missing, unknown = module.load_state_dict(state_dict, strict=False)
        missing = [key for key in missing if '.adapter.' not in key]
        if missing or unknown:
            raise RuntimeError(f'missing {missing}, unknown {unknown}')
    except RuntimeError as error:
        raise RuntimeError(
            f'the weights in "{source}" do not fit: {error}') from error


def require_same_names(module: nn.Module, state_dict: Dict[str, Tensor],
                       prefix: str) -> None:
    """Refuse a checkpoint whose names for a transformers model are others.

    Checkpoints are loaded with ``strict=False``: weights under the names of
    another version of transformers would be left random, with a warning.

    Args:
        module (nn.Module): The part that wraps the model.
        state_dict (dict[str, Tensor]): The checkpoint.
        prefix (str): What the part's names begin with in it.

    Raises:
        RuntimeError: If the checkpoint has weights of the part, but others
            than the part's own. Those of adapters may be missing.
    """
    found = {
        key[len(prefix):]
        for key in state_dict if key.startswith(prefix)
    }
    wrong = sorted(key for key in found ^ module.state_dict().keys()
                   if '.adapter.' not in key)
    if found and wrong:
        raise RuntimeError(
            f'the checkpoint\'s {prefix}* are not the weights of this '
            f'{type(module).__name__}: {wrong[:3]}, ... are missing or '
            'unknown. Take the version of transformers that it was trained '
            'with')


def state_sha256(module: nn.Module) -> str:
    """Fingerprint of a module's weights, wherever they came from.

    Covers the names, types, shapes and bits of all that a state dict holds,
    in its order; the device does not matter.

    Args:
        module (nn.Module): The module.

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
