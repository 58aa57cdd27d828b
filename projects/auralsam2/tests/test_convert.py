# Copyright (c) mmteso contributors. All rights reserved.
"""Weights in the authors' layout: none left over, and the same prompts."""
import math
import runpy
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmteso_auralsam2 import AuralFuser
from mmteso_auralsam2.convert import convert_checkpoint

C, HEADS, DEPTHS, AUDIO_DEPTH, DIMS = 16, 2, (1, 2, 1), 2, 6
PROJECT = Path(__file__).parents[1]


def layout(kernel=2):
    """Names and shapes of their AuralFuser, VGGish apart."""
    found = {}

    def add(name, *shape):
        found[f'{name}.weight'], found[f'{name}.bias'] = shape, shape[:1]

    def add_norm(name, width, batch=False):
        add(name, width)
        if batch:
            found.update({
                f'{name}.running_mean': (width, ),
                f'{name}.running_var': (width, ),
                f'{name}.num_batches_tracked': ()
            })

    for i in range(3):
        add(f'patch_embeds.{i}', C, C, 4 >> i, 4 >> i)
        if i:
            add(f'smooth_convs.{i - 1}', C, C, 1, 1)
        for kind, depth in (('f', DEPTHS[i]), ('a', AUDIO_DEPTH)):
            for j in range(depth):
                block = f'{kind}_blocks.{i}.{j}'
                for norm in ('norm1', 'norm2', 'attn.norm'):
                    add_norm(f'{block}.{norm}', C)
                for name, shape in dict(
                        q=(C, C), kv=(2 * C, C), proj=(C, C),
                        sr=(C, C, kernel, kernel)).items():
                    add(f'{block}.attn.{name}', *shape)
                add(f'{block}.mlp.fc1', 4 * C, C)
                add(f'{block}.mlp.fc2', C, 4 * C)
                add(f'{block}.mlp.dwconv.dwconv', 4 * C, 1, 3, 3)
        fusion = f'fusion_modules.{i}'
        add(f'{fusion}.align_channel', C, C, 1)
        add(f'{fusion}.align_channel_back', 128, C, 1)
        for norm in ('norm_layer', 'norm_layer2'):
            add_norm(f'{fusion}.{norm}', C)
        add(f'{fusion}.g', C // 2, C, 1, 1, 1)
        for name in 'qkv':
            add(f'{fusion}.{name}_frame', C // 2, C, 1, 1, 1)
            add(f'{fusion}.{name}_audio', C // 2, C, 1)
        add(f'{fusion}.W_z.0', C, C // 2, 1, 1, 1)
        add(f'{fusion}.W_z2.0', C, C // 2, 1)
        add_norm(f'{fusion}.W_z.1', C, True)
        add_norm(f'{fusion}.W_z2.1', C, True)
    for name, ones in (('train_proj_v1', (1, 1)), ('train_proj_a1', (1, ))):
        add(f'{name}.proj.0', DIMS, C, *ones)
        add_norm(f'{name}.proj.1', DIMS, True)
        add(f'{name}.proj.2', DIMS, DIMS, *ones)
    return found


def random_state():
    torch.manual_seed(0)
    state = {
        name: .3 * torch.randn(shape) for name, shape in layout().items()
    }
    for name in state:
        if name.endswith('running_var'):
            state[name] = state[name].abs() + 1e-3
        elif name.endswith('num_batches_tracked'):
            state[name] = torch.tensor(3)
    return state


class Public:
    """The authors' computation of a clip, of their weights by name."""

    def __init__(self, state):
        self.state = state

    def linear(self, name, x):
        weight = self.state[f'{name}.weight']
        return F.linear(x, weight.flatten(1), self.state[f'{name}.bias'])

    def conv(self, name, x, **kwargs):
        return F.conv2d(x, self.state[f'{name}.weight'],
                        self.state[f'{name}.bias'], **kwargs)

    def norm(self, name, x):
        return F.layer_norm(x, (C, ), self.state[f'{name}.weight'],
                            self.state[f'{name}.bias'])

    def batch_norm(self, name, x):
        """Of the last axis."""
        mean, var, weight, bias = (
            self.state[f'{name}.{part}']
            for part in ('running_mean', 'running_var', 'weight', 'bias'))
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def attend(self, name, x, keys):
        heads = C // HEADS
        query = self.linear(f'{name}.q', x)
        key, value = self.linear(f'{name}.kv', keys).chunk(2, -1)
        found = []
        for part in range(HEADS):
            own = slice(part * heads, (part + 1) * heads)
            score = query[..., own] @ key[..., own].mT / math.sqrt(heads)
            found.append(score.softmax(-1) @ value[..., own])
        return self.linear(f'{name}.proj', torch.cat(found, -1))

    def pixel_layer(self, name, x, size):
        asked = self.norm(f'{name}.norm1', x)
        keys = self.conv(f'{name}.attn.sr',
                         asked.mT.unflatten(2, size), stride=2)
        keys = self.norm(f'{name}.attn.norm', keys.flatten(2).mT)
        x = x + self.attend(f'{name}.attn', asked, keys)
        moved = self.linear(f'{name}.mlp.fc1', self.norm(f'{name}.norm2', x))
        moved = self.conv(f'{name}.mlp.dwconv.dwconv',
                          moved.mT.unflatten(2, size), padding=1,
                          groups=4 * C)
        return x + self.linear(f'{name}.mlp.fc2',
                               F.gelu(moved.flatten(2).mT))

    def sound_layer(self, name, audio):
        """The frames' sounds are the tokens."""
        asked = self.norm(f'{name}.norm1', audio)
        audio = audio + self.attend(f'{name}.attn', asked, asked)
        moved = self.linear(f'{name}.mlp.fc1',
                            self.norm(f'{name}.norm2', audio))
        return audio + self.linear(f'{name}.mlp.fc2', F.gelu(moved))

    def fuse(self, name, x, audio):
        audio = self.linear(f'{name}.align_channel', audio)
        # channels before pixels, cut into rows as they lie in memory
        query, key, value = (
            self.linear(f'{name}.{part}_frame', x).mT.flatten().view(
                -1, C // 2) for part in 'qkv')
        query2, key2, value2 = (
            self.linear(f'{name}.{part}_audio', audio) for part in 'qkv')
        heard = (query @ key2.T / len(query)) @ value2
        heard = heard.T.contiguous().view(len(x), C // 2, -1).mT
        seen = (query2 @ key.T / len(key)) @ value
        seen = seen.T.contiguous().view(len(x), C // 2)
        heard = self.batch_norm(f'{name}.W_z.1',
                                self.linear(f'{name}.W_z.0', heard))
        seen = self.batch_norm(f'{name}.W_z2.1',
                               self.linear(f'{name}.W_z2.0', seen))
        return (self.norm(f'{name}.norm_layer', x + heard),
                self.norm(f'{name}.norm_layer2', audio + seen))

    def __call__(self, pyramid, audio):
        place = torch.tensor([0., 1.]).repeat(C // 2)
        x, dense, sparse = None, [], []
        for i, level in enumerate(pyramid):
            level = self.conv(f'patch_embeds.{i}', level, stride=4 >> i)
            size = level.shape[2:]
            if i:
                level = self.conv(f'smooth_convs.{i - 1}',
                                  level + x.mT.unflatten(2, size))
            pos = sine_positions(*size)
            x, audio = level.flatten(2).mT + pos, audio + place
            for j in range(DEPTHS[i]):
                x = self.pixel_layer(f'f_blocks.{i}.{j}', x, size)
            for j in range(AUDIO_DEPTH):
                audio = self.sound_layer(f'a_blocks.{i}.{j}', audio)
            x, audio = self.fuse(f'fusion_modules.{i}', x + pos,
                                 audio + place)
            dense.append(x)
            sparse.append(audio)
        return dense, sparse


def sine_positions(height, width):
    """Rows' sines and cosines, then columns', (N, C)."""
    half = C // 2
    rates = 10000**(torch.arange(0, half, 2) / half)
    maps = []
    for size, axis in ((height, 1), (width, 0)):
        phases = torch.arange(1., size + 1) / size * 2 * math.pi
        phases = phases[:, None] / rates
        waves = torch.stack([phases.sin(), phases.cos()], 2).flatten(1)
        maps.append(waves.unsqueeze(axis).expand(height, width, half))
    return torch.cat(maps, 2).flatten(0, 1)


def fuser():
    return AuralFuser(C, DEPTHS, AUDIO_DEPTH, HEADS, sr_ratio=2,
                      projection_dims=DIMS, joint=True).eval()


def fuser_state(state):
    prefix = 'decode_head.fuser.'
    return {name[len(prefix):]: value
            for name, value in convert_checkpoint(state).items()}


@torch.no_grad()
@pytest.mark.parametrize('frames', [1, 3])
def test_the_same_prompts(frames):
    """Whole, nothing over; the embeddings of training, too."""
    state, model = random_state(), fuser()
    model.load_state_dict(fuser_state(state))
    torch.manual_seed(1)
    pyramid = [torch.randn(frames, C, 16 >> i, 24 >> i) for i in range(3)]
    audio = torch.randn(frames, C)
    public = Public(state)
    dense, sparse = model(pyramid, audio)
    for found, expected in zip((dense, sparse), public(pyramid, audio)):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    for found, name, prompts in zip(
            model.project(dense, sparse), ('train_proj_v1', 'train_proj_a1'),
            (dense, sparse)):
        moved = public.linear(f'{name}.proj.0', prompts[2])
        moved = public.batch_norm(f'{name}.proj.1', moved)
        moved = public.linear(f'{name}.proj.2', moved)
        torch.testing.assert_close(found[2],
                                   moved / moved.norm(dim=-1, keepdim=True))


def test_older_and_whole_checkpoints():
    """Old names, lists of the same layers, a SAM 2: the same weights."""
    state = random_state()
    old = {'v_model.no_mem_embed': torch.ones(1, 1, C)}
    names = dict(patch_embeds='train_f_patch_embed', f_blocks='train_f_block',
                 a_blocks='train_a_block', smooth_convs='train_smooth',
                 fusion_modules='train_f_a_block')
    for name, value in state.items():
        part, number, rest = name.split('.', 2)
        if part in names:
            name = f'{names[part]}{int(number) + 1}.{rest}'
            old[f'audio_prompter.training_layers.0.{rest}'] = value
        old[f'audio_prompter.{name}'] = value
    expected = convert_checkpoint(state)
    for other in (old, {f'aural_fuser.{k}': v for k, v in state.items()}):
        found = convert_checkpoint(other)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name])
                   for name in found)


def test_a_strange_weight_is_not_dropped():
    converted = convert_checkpoint({'extra.weight': torch.ones(1)})
    assert converted.keys() == {'decode_head.fuser.extra.weight'}


def test_command(narrow_sam2, sam2_folder, tmp_path, monkeypatch):
    """Fuser and VGGish of the file, SAM 2 of the folder."""
    width, hiera, decoder = narrow_sam2
    config = Config.fromfile(PROJECT / 'configs/auralsam2_hiera-l_v1m.py')
    init_default_scope(config.default_scope)
    weights = dict(type='Pretrained', checkpoint=sam2_folder)
    config.model.backbone.update(
        hiera=hiera, out_channels=width, init_cfg=weights)
    config.model.audio_encoder = dict(type='LogMelStats')
    config.model.decode_head.update(
        decoder_config=decoder, init_cfg=weights)
    config.model.decode_head.fuser.update(
        channels=C, depths=DEPTHS, audio_depth=AUDIO_DEPTH, num_heads=HEADS,
        sr_ratio=2, projection_dims=DIMS)
    config.dump(tmp_path / 'config.py')
    state = random_state()
    torch.save(state, tmp_path / 'src.pth')
    command = str(PROJECT.parent / 'convert_checkpoint.py')
    files = [str(tmp_path / name)
             for name in ('config.py', 'src.pth', 'dst.pth')]
    monkeypatch.setattr(sys, 'argv', [command, *files])
    runpy.run_path(command, run_name='__main__')
    written = torch.load(tmp_path / 'dst.pth')['state_dict']
    model = MODELS.build(config.model)
    model.load_state_dict(written)
    model.backbone.init_weights()  # of the folder
    expected = {**model.state_dict(), **convert_checkpoint(state)}
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], expected[name]) for name in written)
