# Copyright (c) mmteso contributors. All rights reserved.
"""Narrow networks: the conversion doesn't know the widths."""
import sys

import numpy as np
import pytest
import torch
from torch import nn

from mmteso.models.converters import (VGGishWeightsError, check_vggish_shapes,
                                      convert_vggish, read_vggish_weights)

CONVOLUTIONS = ('conv1', 'conv2', 'conv3/conv3_1', 'conv3/conv3_2',
                'conv4/conv4_1', 'conv4/conv4_2')
POOLED = ('conv1', 'conv2', 'conv3/conv3_2', 'conv4/conv4_2')
DENSE = ('fc1/fc1_1', 'fc1/fc1_2', 'fc2')
WIDTHS = (1, 3, 4, 5, 6, 7, 8)
DENSE_WIDTHS = (6 * 4 * 8, 12, 11, 10)


def variables(widths=WIDTHS, dense_widths=DENSE_WIDTHS, seed=0):
    """TensorFlow's variables under its names, in its layouts."""
    rng = np.random.default_rng(seed)
    result = {}
    for names, sizes, kernel in ((CONVOLUTIONS, widths, (3, 3)),
                                 (DENSE, dense_widths, ())):
        for name, before, after in zip(names, sizes, sizes[1:]):
            fan_in = before * np.prod(kernel, dtype=int)
            result[f'vggish/{name}/weights'] = rng.normal(
                0, (2 / fan_in)**0.5, (*kernel, before, after))
            result[f'vggish/{name}/biases'] = rng.normal(0, 0.1, after)
    return {key: value.astype(np.float32) for key, value in result.items()}


def tensorflow_forward(weights, log_mel):
    """vggish_slim.py in NumPy: NHWC, rows are time, columns bands."""
    x = log_mel[..., None].astype(np.float64)
    for name in CONVOLUTIONS:
        kernel = weights[f'vggish/{name}/weights']
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        out = 0
        for i in range(3):
            for j in range(3):
                window = padded[:, i:i + x.shape[1], j:j + x.shape[2]]
                out = out + window @ kernel[i, j]
        x = np.maximum(out + weights[f'vggish/{name}/biases'], 0)
        if name in POOLED:
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    x = x.reshape(len(x), -1)
    for name in DENSE:
        x = np.maximum(
            x @ weights[f'vggish/{name}/weights'] +
            weights[f'vggish/{name}/biases'], 0)
    return x


def network(widths=WIDTHS, dense_widths=DENSE_WIDTHS):
    """torchvggish's, narrow; forward as VGGish's."""
    features = []
    for name, before, after in zip(CONVOLUTIONS, widths, widths[1:]):
        features += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if name in POOLED:
            features.append(nn.MaxPool2d(2))
    dense = []
    for before, after in zip(dense_widths, dense_widths[1:]):
        dense += [nn.Linear(before, after), nn.ReLU()]
    return nn.ModuleDict(
        dict(
            features=nn.Sequential(*features),
            embeddings=nn.Sequential(*dense)))


def forward(net, log_mel):
    x = net['features'](log_mel[:, None])
    return net['embeddings'](x.permute(0, 2, 3, 1).flatten(1))


def test_layout_is_that_of_torchvggish():
    torchvggish = pytest.importorskip('torchvggish.torchvggish')
    with torch.device('meta'):
        theirs = torchvggish.VGG(torchvggish.make_layers(), postprocess=False)
        ours = network((1, 64, 128, 256, 256, 512, 512),
                       (512 * 24, 4096, 4096, 128))
    shapes = {k: v.shape for k, v in theirs.state_dict().items()}
    assert {k: v.shape for k, v in ours.state_dict().items()} == shapes
    check_vggish_shapes(theirs.state_dict())
    wrong = dict(theirs.state_dict())
    wrong['features.0.weight'] = torch.zeros(64, 1, 5, 5)
    with pytest.raises(VGGishWeightsError, match=r'features\.0.*\(64, 1, 3'):
        check_vggish_shapes(wrong)


def test_from_tensorflow_equals_its_forward():
    weights = variables()
    net = network()
    net.load_state_dict(convert_vggish(weights))
    log_mel = np.random.default_rng(1).normal(-2, 2, (3, 96, 64))
    expected = tensorflow_forward(weights, log_mel)
    assert (expected > 0).mean() > 0.2
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    with torch.no_grad():
        actual = forward(net.double(), torch.from_numpy(log_mel))
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize('prefix', ['', 'audio_backbone.', 'module.vggish.'])
@pytest.mark.parametrize('given', [False, True])
def test_from_a_whole_model(prefix, given):
    """Other modules' weights stay behind, also those called features.0."""
    state = network().state_dict()
    whole = {f'{prefix}{key}': value for key, value in state.items()}
    whole['encoder_backbone.conv1.weight'] = torch.zeros(2)
    whole['resnet.features.0.weight'] = torch.zeros(2)
    whole[f'{prefix}pproc.pca_means'] = torch.zeros(128, 1)
    found = convert_vggish(whole, prefix if given else None)
    assert list(found) == list(state)
    for key, value in state.items():
        assert torch.equal(found[key], value)


@pytest.mark.parametrize('layout', ['tensorflow', 'torch'])
def test_names_are_checked(layout):
    weights = variables() if layout == 'tensorflow' else {
        f'audio.{k}': v for k, v in network().state_dict().items()
    }
    last = list(weights)[-1]
    lacking = {k: v for k, v in weights.items() if k != last}
    with pytest.raises(
            VGGishWeightsError,
            match=r"missing \['(vggish/fc2/biases|embeddings\.4\.bias)'\]"):
        convert_vggish(lacking)
    extra = 'vggish/logits' if layout == 'tensorflow' else 'audio.head.bias'
    with pytest.raises(
            VGGishWeightsError,
            match=r"unknown \['(vggish/logits|head\.bias)'\]"):
        convert_vggish({**weights, extra: np.zeros(2)})


def test_which_vggish():
    state = network().state_dict()
    both = {f'{p}.{k}': v for k, v in state.items() for p in 'ab'}
    with pytest.raises(VGGishWeightsError, match=r"several.*'a\.', 'b\.'"):
        convert_vggish(both)
    assert len(convert_vggish(both, 'b.')) == 18
    with pytest.raises(VGGishWeightsError, match="there is no VGGish.*'x'"):
        convert_vggish(dict(x=torch.zeros(1)))


def test_impossible_shape():
    weights = variables()
    weights['vggish/conv1/weights'] = np.zeros((3, 64))
    with pytest.raises(VGGishWeightsError, match='conv1/weights.*4 dimens'):
        convert_vggish(weights)


# --------------------------------------------------------------------- files
@pytest.mark.parametrize('wrap', [None, 'state_dict', 'model'])
def test_torch_files(tmp_path, wrap):
    state = dict(network().state_dict())
    path = tmp_path / 'model.pth'
    torch.save({wrap: state, 'epoch': 3} if wrap else state, path)
    found = convert_vggish(read_vggish_weights(str(path)))
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_npz(tmp_path):
    path = tmp_path / 'vggish.npz'
    np.savez(path, **variables())
    found = convert_vggish(read_vggish_weights(str(path)))
    expected = convert_vggish(variables())
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_tensorflow_checkpoint(tmp_path):
    """The format of 2016 too, in which vggish_model.ckpt is."""
    tensorflow = pytest.importorskip('tensorflow')
    v1 = tensorflow.compat.v1
    for version in (v1.train.SaverDef.V1, v1.train.SaverDef.V2):
        path = str(tmp_path / f'{version}' / 'vggish_model.ckpt')
        (tmp_path / f'{version}').mkdir()
        with v1.Graph().as_default(), v1.Session() as session:
            tensors = [
                v1.get_variable(name, initializer=value)
                for name, value in variables().items()
            ]
            session.run(v1.global_variables_initializer())
            v1.train.Saver(
                tensors, write_version=version).save(
                    session, path, write_meta_graph=False)
        found = convert_vggish(read_vggish_weights(path))
        expected = convert_vggish(variables())
        assert all(torch.equal(found[key], expected[key]) for key in expected)
    other = tmp_path / 'other.ckpt'
    other.write_bytes(b'nothing')
    with pytest.raises(VGGishWeightsError, match='no checkpoint of TensorF'):
        read_vggish_weights(str(other))


def test_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorflow', None)
    path = tmp_path / 'vggish_model.ckpt'
    path.write_bytes(b'')
    with pytest.raises(ImportError, match='needs the package tensorflow.*npz'):
        read_vggish_weights(str(path))


@pytest.mark.parametrize('content, message', [
    (b'no zip', 'no file of weights alone'),
    ([torch.zeros(2)], 'but holds list'),
    (dict(a='b'), 'but holds dict'),
])
def test_other_files(tmp_path, content, message):
    path = tmp_path / 'other.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(VGGishWeightsError, match=message):
        read_vggish_weights(str(path))
    with pytest.raises(FileNotFoundError, match='no file'):
        read_vggish_weights(str(tmp_path / 'none.pth'))
