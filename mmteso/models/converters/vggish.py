# Copyright (c) mmteso contributors. All rights reserved.
"""VGGish's weights from TensorFlow or other projects, as torchvggish has them.

Source of TensorFlow's names and layouts: ``vggish_slim.py`` of
tensorflow/models ``research/audioset/vggish``.
"""
import os
import pickle
from typing import Any, Dict, Mapping, Optional, Union

import numpy as np
import torch
from torch import Tensor

Weights = Mapping[str, Union[Tensor, np.ndarray]]

# TensorFlow's layer -> torchvggish's
_LAYERS = {
    'vggish/conv1': 'features.0',
    'vggish/conv2': 'features.3',
    'vggish/conv3/conv3_1': 'features.6',
    'vggish/conv3/conv3_2': 'features.8',
    'vggish/conv4/conv4_1': 'features.11',
    'vggish/conv4/conv4_2': 'features.13',
    'vggish/fc1/fc1_1': 'embeddings.0',
    'vggish/fc1/fc1_2': 'embeddings.2',
    'vggish/fc2': 'embeddings.4',
}
# (in, out) of the layers
_WIDTHS = ((1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512),
           (512 * 6 * 4, 4096), (4096, 4096), (4096, 128))
_NAMES = tuple(f'{layer}.{kind}' for layer in _LAYERS.values()
               for kind in ('weight', 'bias'))
# PCA and quantisation of torchvggish, which the encoder leaves out
_UNUSED = ('pproc.pca_eigen_vectors', 'pproc.pca_means')


class VGGishWeightsError(ValueError):
    """Weights that aren't VGGish's, or not all of them."""


def _check_names(found: Any, wanted: Any, where: str) -> None:
    missing = sorted(set(wanted) - set(found))
    unknown = sorted(set(found) - set(wanted))
    if missing or unknown:
        raise VGGishWeightsError(
            f'these are not the weights of VGGish{where}: missing {missing}, '
            f'unknown {unknown}')


def _from_tensorflow(variables: Weights) -> Dict[str, Tensor]:
    names = {
        f'{layer}/{kind}': f'{name}.{ours}'
        for layer, name in _LAYERS.items()
        for kind, ours in (('weights', 'weight'), ('biases', 'bias'))
    }
    _check_names(variables, names, ' (TensorFlow)')
    converted = {}
    for old, new in names.items():
        value = torch.as_tensor(np.array(variables[old]))
        dims = 1 if new.endswith('bias') else 4 if 'features' in new else 2
        if value.dim() != dims:
            raise VGGishWeightsError(
                f'"{old}" must have {dims} dimensions, but has the shape '
                f'{tuple(value.shape)}')
        if dims == 4:
            value = value.permute(3, 2, 0, 1)  # height, width, in, out
        elif dims == 2:
            # The rows of the first one run over time, bands, channels, as
            # torchvggish flattens, too.
            value = value.t()
        converted[new] = value.contiguous().float()
    return converted


def _find_prefix(names: Weights) -> str:
    prefixes = [
        name[:-len(_NAMES[0])] for name in names if name.endswith(_NAMES[0])
    ]
    # features.0 is a common name: of another network's others are missing
    whole = [
        prefix for prefix in prefixes
        if sum(f'{prefix}{name}' in names for name in _NAMES) > 2
    ]
    if len(whole) > 1:
        raise VGGishWeightsError(
            f'there may be several VGGish, under {sorted(whole)}: say which '
            'by prefix')
    if not whole:
        raise VGGishWeightsError(
            'there is no VGGish: no name ends with "features.0.weight" '
            '(torchvggish) or starts with "vggish/" (TensorFlow), but there '
            f'are {sorted(names)[:5]}, ...')
    return whole[0]


def convert_vggish(weights: Weights,
                   prefix: Optional[str] = None) -> Dict[str, Tensor]:
    """Bring VGGish's weights under the names of :class:`VGGish`.

    Args:
        weights (Mapping[str, Tensor | np.ndarray]): TensorFlow's variables
            (``vggish/conv1/weights`` (3, 3, 1, 64), ...), or a state dict of
            torchvggish's network, maybe among other modules' weights in one
            of a whole model (``audio_backbone.features.0.weight``, ...).
        prefix (str, optional): What stands before torchvggish's names.
            Defaults to None: it is found.

    Returns:
        dict[str, Tensor]: float32, as in ``vggish-10086976.pth``. Those that
        are only renamed share memory with ``weights``.

    Raises:
        VGGishWeightsError: If a weight is missing, one of VGGish's (of all,
            for TensorFlow's) is unknown, or there are several VGGish.
    """
    if any(name.startswith('vggish/') for name in weights):
        return _from_tensorflow(weights)
    if prefix is None:
        prefix = _find_prefix(weights)
    own = {
        name[len(prefix):]: value
        for name, value in weights.items() if name.startswith(prefix)
    }
    if not prefix:
        # among the modules of a whole model only these can be its own
        own = {
            name: value
            for name, value in own.items()
            if name.split('.')[0] in ('features', 'embeddings', 'pproc')
        }
    own = {name: value for name, value in own.items() if name not in _UNUSED}
    _check_names(own, _NAMES, f' under the prefix "{prefix}"')
    return {
        name: torch.as_tensor(own[name]).detach().float()
        for name in _NAMES
    }


def check_vggish_shapes(state_dict: Mapping[str, Tensor]) -> None:
    """Check that weights have the sizes of the published network.

    Args:
        state_dict (Mapping[str, Tensor]): From :func:`convert_vggish`.

    Raises:
        VGGishWeightsError: If a shape is another.
    """
    for layer, (inputs, outputs) in zip(_LAYERS.values(), _WIDTHS):
        kernel = (3, 3) if layer.startswith('features') else ()
        for name, shape in ((f'{layer}.weight', (outputs, inputs, *kernel)),
                            (f'{layer}.bias', (outputs, ))):
            found = tuple(state_dict[name].shape)
            if found != shape:
                raise VGGishWeightsError(f'{name} must have the shape {shape}'
                                         f', but has {found}')


def read_vggish_weights(path: str) -> Weights:
    """Read a file with VGGish's weights, without running code from it.

    Args:
        path (str): A ``.pth`` or ``.pt``, with the weights themselves or
            under ``state_dict`` or ``model``; a ``.npz`` of TensorFlow's
            variables, with their names; or a checkpoint of TensorFlow,
            which needs the package tensorflow.

    Returns:
        Mapping[str, Tensor | np.ndarray]: The weights, for
        :func:`convert_vggish`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If it needs tensorflow, and that is not installed.
        VGGishWeightsError: If it holds something else.
    """
    if not (os.path.exists(path) or os.path.exists(f'{path}.index')):
        raise FileNotFoundError(f'there is no file "{path}"')
    suffix = os.path.splitext(path)[1]
    if suffix == '.npz':
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    if suffix in ('.pth', '.pt'):
        return _read_torch(path)
    return _read_tensorflow(path)


def _read_torch(path: str) -> Weights:
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise VGGishWeightsError(
            f'"{path}" is no file of weights alone: {error}') from error
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(
            isinstance(value, Tensor) for value in content.values()):
        raise VGGishWeightsError(
            f'"{path}" must hold weights by name, but holds '
            f'{type(content).__name__}')
    return content


def _read_tensorflow(path: str) -> Weights:
    try:
        import tensorflow
    except ImportError as error:
        raise ImportError(
            f'"{path}" is taken for a checkpoint of TensorFlow, and reading '
            'it needs the package tensorflow. Elsewhere, write it to a .npz '
            'that needs none: r = tensorflow.train.load_checkpoint(PATH); '
            'numpy.savez(OUT, **{n: r.get_tensor(n) for n in '
            'r.get_variable_to_shape_map()})') from error
    try:
        reader = tensorflow.train.load_checkpoint(path)
    except (ValueError, tensorflow.errors.OpError) as error:
        raise VGGishWeightsError(
            f'"{path}" is no checkpoint of TensorFlow: {error}') from error
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
    }
