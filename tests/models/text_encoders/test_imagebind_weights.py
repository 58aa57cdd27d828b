# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmteso.models.text_encoders import imagebind_weights
from mmteso.models.text_encoders.imagebind_weights import (
    ImageBindWeightsError, convert_imagebind_text, default_num_heads,
    imagebind_text_part, read_imagebind_weights, write_converted_weights)

BLOCK = 'modality_trunks.text.blocks.'
LAYER = 'text_model.encoder.layers.'


def tiny(blocks=2):
    """Every weight of the text tower, of width 2, with its own numbers."""
    shapes = {
        'modality_preprocessors.text.token_embedding.weight': (5, 2),
        'modality_preprocessors.text.pos_embed': (1, 3, 2),
        'modality_heads.text.proj.0.weight': (2, ),
        'modality_heads.text.proj.0.bias': (2, ),
        'modality_heads.text.proj.1.weight': (4, 2),
        'modality_postprocessors.text.1.log_logit_scale': (),
    }
    for index in range(blocks):
        shapes.update({
            f'{BLOCK}{index}.{name}': shape
            for name, shape in {
                'attn.in_proj_weight': (6, 2),
                'attn.in_proj_bias': (6, ),
                'attn.out_proj.weight': (2, 2),
                'attn.out_proj.bias': (2, ),
                'norm_1.weight': (2, ),
                'norm_1.bias': (2, ),
                'norm_2.weight': (2, ),
                'norm_2.bias': (2, ),
                'mlp.fc1.weight': (8, 2),
                'mlp.fc1.bias': (8, ),
                'mlp.fc2.weight': (2, 8),
                'mlp.fc2.bias': (2, ),
            }.items()
        })
    generator = torch.Generator().manual_seed(0)
    weights = {
        key: torch.randn(shape, generator=generator)
        for key, shape in shapes.items()
    }
    weights['modality_preprocessors.text.mask'] = torch.full(
        (3, 3), float('-inf')).triu(1)
    return weights


OTHERS = {
    f'modality_{part}.{modality}.x': torch.zeros(1)
    for part in ('preprocessors', 'trunks', 'heads', 'postprocessors')
    for modality in ('vision', 'audio', 'thermal', 'depth', 'imu')
}


# ---------------------------------------------------------------- conversion
@pytest.mark.parametrize('others', [{}, OTHERS])
def test_conversion(others):
    source = {**others, **tiny()}
    found = convert_imagebind_text(source)
    expected = {
        'log_logit_scale':
        source['modality_postprocessors.text.1.log_logit_scale'],
        'text_projection.weight':
        source['modality_heads.text.proj.1.weight'],
        'text_model.final_layer_norm.weight':
        source['modality_heads.text.proj.0.weight'],
        'text_model.final_layer_norm.bias':
        source['modality_heads.text.proj.0.bias'],
        'text_model.embeddings.token_embedding.weight':
        source['modality_preprocessors.text.token_embedding.weight'],
        'text_model.embeddings.position_embedding.weight':
        source['modality_preprocessors.text.pos_embed'][0],
    }
    for index in (0, 1):
        old, new = f'{BLOCK}{index}.', f'{LAYER}{index}.'
        for kind in ('weight', 'bias'):
            stacked = source[f'{old}attn.in_proj_{kind}']
            expected.update({
                f'{new}self_attn.q_proj.{kind}': stacked[:2],
                f'{new}self_attn.k_proj.{kind}': stacked[2:4],
                f'{new}self_attn.v_proj.{kind}': stacked[4:],
                f'{new}self_attn.out_proj.{kind}':
                source[f'{old}attn.out_proj.{kind}'],
                f'{new}layer_norm1.{kind}': source[f'{old}norm_1.{kind}'],
                f'{new}layer_norm2.{kind}': source[f'{old}norm_2.{kind}'],
                f'{new}mlp.fc1.{kind}': source[f'{old}mlp.fc1.{kind}'],
                f'{new}mlp.fc2.{kind}': source[f'{old}mlp.fc2.{kind}'],
            })
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
        assert found[key].is_contiguous()
    # copies
    for value in found.values():
        value.zero_()
    assert all(value.any() for value in tiny().values())
    assert source[f'{BLOCK}0.attn.in_proj_weight'].all()


def test_half_precision_becomes_full():
    source = {key: value.half() for key, value in tiny().items()}
    found = convert_imagebind_text(source)
    assert {value.dtype for value in found.values()} == {torch.float32}


def test_each_weight_has_one_name_of_its_own():
    names = [
        name for new in imagebind_weights._names(3).values() for name in new
    ]
    assert len(names) == len(set(names)) == 6 + 3 * 16


@pytest.mark.parametrize('key', sorted(tiny()))
def test_each_weight_is_needed(key):
    source = tiny()
    del source[key]
    with pytest.raises(ImageBindWeightsError) as error:
        imagebind_text_part(source)
    assert repr(key) in str(error.value).split('unknown')[0]


@pytest.mark.parametrize('key', [
    f'{BLOCK}0.norm_3.weight',
    f'{BLOCK}00.norm_1.weight',
    f'{BLOCK}0.attn.q_proj_weight',
    'modality_preprocessors.text.cls_token',
    'modality_heads.text.proj.1.bias',
    'modality_trunks.text.pre_transformer_layer.0.weight',
    'module.modality_heads.text.proj.1.weight',
    'modality_trunks.smell.x',
    'text_projection.weight',
    'epoch',
])
def test_unknown_weights_are_named(key):
    with pytest.raises(ImageBindWeightsError) as error:
        convert_imagebind_text({**tiny(), key: torch.zeros(2)})
    assert repr(key) in str(error.value).split('unknown')[1]


def test_gap_between_blocks():
    source = {
        key.replace('blocks.1.', 'blocks.2.'): value
        for key, value in tiny().items()
    }
    with pytest.raises(ImageBindWeightsError, match=r'missing .*blocks\.1\..*'
                       r'unknown .*blocks\.2\.'):
        convert_imagebind_text(source)


def test_no_blocks():
    with pytest.raises(ImageBindWeightsError, match=r'blocks\.0\.norm_1'):
        convert_imagebind_text(tiny(blocks=0))


@pytest.mark.parametrize('key, value, message', [
    ('modality_preprocessors.text.mask', torch.zeros(3, 3), 'causal'),
    ('modality_preprocessors.text.mask', torch.zeros(3), 'causal'),
    ('modality_preprocessors.text.pos_embed', torch.zeros(2, 3, 2),
     r'\(1, context, width\), but has \(2, 3, 2\)'),
    (f'{BLOCK}1.attn.in_proj_weight', torch.zeros(4, 2), r'stack .*\(4, 2\)'),
    (f'{BLOCK}0.attn.in_proj_bias', torch.zeros(()), r'stack .*\(\)'),
])
def test_impossible_shapes(key, value, message):
    with pytest.raises(ImageBindWeightsError, match=message):
        convert_imagebind_text({**tiny(), key: value})


def test_heads():
    assert default_num_heads({'token_embedding.weight':
                              torch.zeros(3, 1024)}) == 16
    assert default_num_heads(tiny()) == 1


# ---------------------------------------------------------------- files
def test_reads_imagebinds_file(tmp_path):
    source, path = {**OTHERS, **tiny()}, str(tmp_path / 'weights.pth')
    torch.save(source, path)
    found = read_imagebind_weights(path)
    assert found.path == path and not found.converted
    assert found.num_heads is None and found.source_sha256 is None
    assert found.state_dict.keys() == tiny().keys()
    for key, value in found.state_dict.items():
        assert torch.equal(value, source[key])
    with open(path, 'rb') as file:
        assert found.sha256() == hashlib.sha256(file.read()).hexdigest()


def test_reads_the_old_format_of_torch_save(tmp_path):
    path = str(tmp_path / 'weights.pth')
    torch.save(tiny(), path, _use_new_zipfile_serialization=False)
    found = read_imagebind_weights(path).state_dict
    assert all(torch.equal(found[key], value) for key, value in tiny().items())


def test_converted_file(tmp_path):
    path = str(tmp_path / 'text.safetensors')
    converted = convert_imagebind_text(tiny())
    write_converted_weights(
        path,
        converted,
        source_file='some/where/imagebind_huge.pth',
        source_sha256='ab12',
        num_heads=2)
    assert os.listdir(tmp_path) == ['text.safetensors']
    found = read_imagebind_weights(path)
    assert found.converted and found.num_heads == 2
    assert found.sha256() == found.source_sha256 == 'ab12'
    assert found.state_dict.keys() == converted.keys()
    for key, value in converted.items():
        assert torch.equal(found.state_dict[key], value)
    with pytest.raises(ValueError, match='end with ".safetensors"'):
        write_converted_weights(str(tmp_path / 'x.pth'), converted, 's', 'h')


@pytest.fixture
def broken(tmp_path):
    """Files of the wrong kind by name."""
    files = {}

    def path(name):
        files[name] = str(tmp_path / name)
        return files[name]

    whole = str(tmp_path / 'whole.pth')
    torch.save(tiny(), whole)
    with open(whole, 'rb') as file:
        data = file.read()
    for name, content in dict(
            cut=data[:len(data) // 2], empty=b'', text=b'<html>').items():
        with open(path(f'{name}.pth'), 'wb') as file:
            file.write(content)
    with open(path('text.safetensors'), 'wb') as file:
        file.write(b'<html>')
    torch.save(dict(model=tiny()), path('nested.pth'))
    torch.save([torch.zeros(1)], path('list.pth'))
    torch.save(dict(x=Attack()), path('attack.pth'))
    torch.save({**tiny(), 'extra': torch.zeros(1)}, path('extra.pth'))
    save_file(tiny(), path('plain.safetensors'))
    full = convert_imagebind_text(tiny())
    for name, change in (('lacks', dict(log_logit_scale=None)),
                         ('more', {f'{LAYER}0.extra': torch.zeros(1)})):
        state = {
            key: value
            for key, value in {**full, **change}.items() if value is not None
        }
        write_converted_weights(
            path(f'{name}.safetensors'), state, 's', 'h')
    return files


class Attack:
    """Unpickling it would raise from inside the pickle."""

    def __reduce__(self):
        return exec, ('raise AssertionError("code of the file was run")', )


@pytest.mark.parametrize('name, message', [
    ('cut.pth', 'is the download complete'),
    ('empty.pth', 'is the download complete'),
    ('text.pth', 'is the download complete'),
    ('attack.pth', 'cannot be read as a checkpoint'),
    ('nested.pth', 'does not hold weights by name'),
    ('list.pth', 'does not hold weights by name'),
    ('extra.pth', r"unknown \['extra'\]"),
    ('text.safetensors', 'cannot be read as a safetensors file'),
    ('plain.safetensors', 'no converted file: its format is None'),
    ('lacks.safetensors', r"missing \['log_logit_scale'\], unknown \[\]"),
    ('more.safetensors', r"missing \[\], unknown \['.*layers.0.extra'\]"),
])
def test_wrong_files(name, message, broken):
    with pytest.raises(ImageBindWeightsError, match=message) as error:
        read_imagebind_weights(broken[name])
    assert broken[name] in str(error.value)
    assert 'was run' not in str(error.value)


def test_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        read_imagebind_weights(str(tmp_path / 'imagebind_huge.pth'))
    for part in (str(tmp_path), 'non-commercial',
                 'https://dl.fbaipublicfiles.com/imagebind/imagebind_huge'):
        assert part in str(error.value)


def test_metadata_is_complete(tmp_path):
    path = str(tmp_path / 'text.safetensors')
    write_converted_weights(path, convert_imagebind_text(tiny()), 'a/b.pth',
                            'ab12')
    from safetensors import safe_open
    with safe_open(path, 'pt') as file:
        assert file.metadata() == dict(
            format='mmteso-imagebind-text/1',
            num_heads='1',
            source_file='b.pth',
            source_sha256='ab12')
    assert load_file(path).keys() == convert_imagebind_text(tiny()).keys()
