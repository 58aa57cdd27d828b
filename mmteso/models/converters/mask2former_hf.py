# Copyright (c) mmteso contributors. All rights reserved.
"""transformers' Mask2Former checkpoints for mmsegmentation's Mask2Former."""
import json
import os.path as osp
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import torch
from safetensors.torch import load_file
from torch import Tensor

from .mask2former_names import conversion_rules, file_name, is_unused
from .mask2former_settings import Mask2FormerError, complete_config

WEIGHTS = ('model.safetensors', 'pytorch_model.bin')


class HFMask2Former(NamedTuple):
    """A model of transformers, read from its folder.

    Attributes:
        path (str): The file of the weights.
        state_dict (dict[str, Tensor]): Weights.
        config (dict): ``config.json``.
        preprocessor (dict, optional): ``preprocessor_config.json``; None if
            there is none.
    """
    path: str
    state_dict: Dict[str, Tensor]
    config: Dict[str, Any]
    preprocessor: Optional[Dict[str, Any]] = None


def convert_mask2former(state_dict: Mapping[str, Tensor],
                        config: Mapping[str, Any]) -> Dict[str, Tensor]:
    """Bring the weights of transformers' Mask2Former into mmsegmentation's.

    The number of classes, of queries and all widths are those of the tensors.
    As in transformers, the last class means "no object".

    Args:
        state_dict (Mapping[str, Tensor]): Weights of a
            ``Mask2FormerForUniversalSegmentation`` under the names of its
            files, or those that transformers 5 uses in memory.
        config (Mapping[str, Any]): Its ``config.json``.

    Returns:
        dict[str, Tensor]: Weights of mmsegmentation's ``EncoderDecoder`` with
        a ``Mask2FormerHead``, to load with ``strict=True``. Those that are
        only renamed share memory with ``state_dict``.

    Raises:
        Mask2FormerError: See :func:`complete_config`; or a tensor is missing,
            unknown or given twice.
    """
    config = complete_config(config)
    given: Dict[str, Tensor] = {}
    for name, value in state_dict.items():
        renamed = file_name(name)
        if renamed in given:
            raise Mask2FormerError(f'two tensors are named {renamed!r}')
        given[renamed] = value
    rules = list(conversion_rules(config))
    wanted = {name for rule in rules for name in rule.sources}
    missing = sorted(wanted - given.keys())
    unknown = sorted(
        name for name in given.keys() - wanted if not is_unused(name))
    if missing or unknown:
        raise Mask2FormerError(
            'the weights are not those of a '
            'Mask2FormerForUniversalSegmentation of this config.json: '
            f'{len(missing)} missing{_some(missing)}, {len(unknown)} '
            f'unknown{_some(unknown)}')
    return {
        rule.target: rule.make(*(given[name] for name in rule.sources))
        for rule in rules
    }


def _some(names: List[str], shown: int = 5) -> str:
    if not names:
        return ''
    return f' ({", ".join(names[:shown])}{", ..." * (len(names) > shown)})'


def _read_json(path: str) -> Dict[str, Any]:
    with open(path, encoding='utf-8') as file:
        try:
            content = json.load(file)
        except json.JSONDecodeError as error:
            raise Mask2FormerError(f'"{path}" is no JSON: {error}') from error
    if not isinstance(content, dict):
        raise Mask2FormerError(f'"{path}" must hold an object')
    return content


def read_hf_mask2former(source: str) -> HFMask2Former:
    """Read a model of transformers from a local folder.

    Args:
        source (str): The folder (``config.json`` and ``model.safetensors`` or
            ``pytorch_model.bin``), or the file of the weights, with
            ``config.json`` beside it.

    Returns:
        HFMask2Former: Weights and configuration.

    Raises:
        FileNotFoundError: A file is missing.
        Mask2FormerError: A file can't be read.
    """
    folder, path = osp.dirname(source), source
    if osp.isdir(source):
        folder = source
        found = [
            osp.join(folder, name) for name in WEIGHTS
            if osp.isfile(osp.join(folder, name))
        ]
        if not found:
            raise FileNotFoundError(
                f'no {" or ".join(WEIGHTS)} in "{folder}". Weights in several '
                'files are not read: write them as one, with '
                "save_pretrained(folder, max_shard_size='100GB')")
        path = found[0]
    elif not osp.isfile(source):
        raise FileNotFoundError(f'no file or folder "{source}"')
    settings = osp.join(folder, 'config.json')
    if not osp.isfile(settings):
        raise FileNotFoundError(f'no "{settings}"; it belongs to the weights')
    config = _read_json(settings)
    preprocessor = osp.join(folder, 'preprocessor_config.json')
    try:
        if path.endswith('.safetensors'):
            state_dict = load_file(path)
        else:
            state_dict = torch.load(
                path, map_location='cpu', weights_only=True)
    except Exception as error:
        # each of the two libraries has its own, down to RuntimeError
        raise Mask2FormerError(
            f'"{path}" can\'t be read as a file of weights: {error}'
        ) from error
    return HFMask2Former(
        path, state_dict, config,
        _read_json(preprocessor) if osp.isfile(preprocessor) else None)
