# Copyright (c) mmteso contributors. All rights reserved.
"""Weights in the authors' layout: none left over, and the same masks."""
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmteso.structures import AudioTextPrompt
from mmteso_avsbench import AVSBenchHead
from mmteso_avsbench.convert import convert_checkpoint

WIDTHS, C = [8, 16, 24, 32], 256
RATES = (3, 6, 12, 18)


def head_state():
    """Names and shapes of the authors' model but for its backbone."""
    torch.manual_seed(0)
    found = {}

    def add(name, *shape):
        found[f'{name}.weight'] = torch.randn(shape) / torch.tensor(
            shape[1:]).prod().sqrt()
        found[f'{name}.bias'] = torch.randn(shape[0])

    for i, width in enumerate(WIDTHS, 1):
        for j in range(4):
            add(f'conv{i}.conv2d_list.{j}', C, width, 3, 3)
        for unit in (1, 2):
            for j in (1, 2):
                add(f'path{i}.resConfUnit{unit}.conv{j}', C, C, 3, 3)
        name = f'tpavi_b{i}'
        add(f'{name}.align_channel', C, 128)
        for layer in ('g', 'theta', 'phi'):
            add(f'{name}.{layer}', C // 2, C, 1, 1, 1)
        add(f'{name}.W_z.0', C, C // 2, 1, 1, 1)
        for layer in ('norm_layer', 'W_z.1'):
            found[f'{name}.{layer}.weight'] = 1 + torch.randn(C) / 4
            found[f'{name}.{layer}.bias'] = torch.randn(C) / 4
        found[f'{name}.W_z.1.running_mean'] = torch.randn(C) / 4
        found[f'{name}.W_z.1.running_var'] = 1 + torch.rand(C)
        found[f'{name}.W_z.1.num_batches_tracked'] = torch.tensor(7)
    add('output_conv.0', 128, C, 3, 3)
    add('output_conv.2', 32, 128, 3, 3)
    add('output_conv.4', 1, 32, 1, 1)
    return found


def narrow(backbone, **kwargs):
    """What the converted weights have to fit."""
    return nn.ModuleDict(
        dict(
            backbone=backbone,
            decode_head=AVSBenchHead(WIDTHS, align_corners=True,
                                     relu_skip=True, **kwargs))).eval()


class Public:
    """What the release computes of a clip with such weights."""

    def __init__(self, state):
        self.state = state

    def get(self, name):
        return self.state[f'{name}.weight'], self.state[f'{name}.bias']

    def conv(self, name, x, **kwargs):
        return F.conv2d(x, *self.get(name), **kwargs)

    def tpavi(self, name, x, audio):
        audio = F.linear(audio, *self.get(f'{name}.align_channel'))
        clip = x.transpose(0, 1)[None]  # (1, C, T, H, W)
        sound = audio.T[None, ..., None, None].expand_as(clip)

        def tokens(layer, values):
            return F.conv3d(values, *self.get(f'{name}.{layer}')).flatten(2)[0]

        queries, keys, values = (
            tokens(layer, source) for layer, source in
            (('theta', clip), ('phi', sound), ('g', clip)))
        heard = values @ (queries.T @ keys / keys.shape[1]).T
        heard = F.conv3d(
            heard.view(1, -1, *clip.shape[2:]), *self.get(f'{name}.W_z.0'))
        norm = f'{name}.W_z.1'
        heard = F.batch_norm(heard, self.state[f'{norm}.running_mean'],
                             self.state[f'{norm}.running_var'],
                             *self.get(norm))
        fused = (clip + heard)[0].transpose(0, 1).movedim(1, -1)
        fused = F.layer_norm(fused, (C, ), *self.get(f'{name}.norm_layer'))
        return fused.movedim(-1, 1)

    def residual(self, name, x):
        """The ReLU is in place: what is added is not negative."""
        x = x.relu()
        inner = self.conv(f'{name}.conv1', x, padding=1).relu()
        return x + self.conv(f'{name}.conv2', inner, padding=1)

    def __call__(self, feats, audio):
        path = None
        for i in (4, 3, 2, 1):
            level = sum(
                self.conv(f'conv{i}.conv2d_list.{j}', feats[i - 1],
                          padding=rate, dilation=rate)
                for j, rate in enumerate(RATES))
            level = self.tpavi(f'tpavi_b{i}', level, audio)
            if path is not None:
                level = path + self.residual(f'path{i}.resConfUnit1', level)
            path = F.interpolate(
                self.residual(f'path{i}.resConfUnit2', level),
                scale_factor=2, mode='bilinear', align_corners=True)
        x = self.conv('output_conv.0', path, padding=1)
        x = F.interpolate(x, scale_factor=2, mode='bilinear')
        x = self.conv('output_conv.2', x, padding=1).relu()
        return self.conv('output_conv.4', x)


def pvt_names(backbone):
    """mmdet's PVTv2 under its authors' names, which AVSBench has."""
    found = {}
    for name, value in backbone.state_dict().items():
        stage, part, rest = name.removeprefix('layers.').split('.', 2)
        number = int(stage) + 1
        if part == '0':
            rest = rest.replace('projection', 'proj')
            found[f'patch_embed{number}.{rest}'] = value
        elif part == '2':
            found[f'norm{number}.{rest}'] = value
        else:
            block = f'block{number}.{rest}'
            for ours, theirs in (('ffn.layers.0', 'mlp.fc1'),
                                 ('ffn.layers.1', 'mlp.dwconv.dwconv'),
                                 ('ffn.layers.4', 'mlp.fc2'),
                                 ('attn.attn.out_proj', 'attn.proj')):
                block = block.replace(ours, theirs)
            if '.mlp.fc' in block and value.dim() == 4:
                value = value.flatten(1)  # 1 x 1 convolutions in mmdet
            head, joined, kind = block.partition('attn.attn.in_proj_')
            if joined:
                width = len(value) // 3
                found[f'{head}attn.q.{kind}'] = value[:width]
                found[f'{head}attn.kv.{kind}'] = value[width:]
            else:
                found[block] = value
    return found


@torch.no_grad()
def test_head():
    """Nothing over, and the authors' masks of a clip of five frames."""
    state = head_state()
    model = narrow(nn.Identity())
    model.load_state_dict(convert_checkpoint(state))
    feats = [
        torch.randn(5, width, 8 >> i, 16 >> i)
        for i, width in enumerate(WIDTHS)
    ]
    audio = torch.randn(5, 128)
    prompt = AudioTextPrompt(audio[:, None], torch.zeros(5, 128),
                             torch.ones(5, 1))
    found = model.decode_head(feats, prompt, [dict(uid='a')] * 5)
    torch.testing.assert_close(
        found, Public(state)(feats, audio), atol=1e-4, rtol=1e-4)
    # which the usual residual blocks don't give
    model.decode_head.merge[0].relu_skip = False
    other = model.decode_head(feats, prompt, [dict(uid='a')] * 5)
    assert not torch.allclose(found, other, atol=1e-2)


def test_resnet():
    """Of the two branches the one that is called."""
    init_default_scope('mmseg')
    backbone = MODELS.build(
        dict(type='ResNet', depth=50, base_channels=4, stem_channels=4))
    state = head_state()
    for name, value in backbone.state_dict().items():
        stem, _, rest = name.partition('.')
        for other in ([f'{stem}_1', f'{stem}_2']
                      if stem in ('layer3', 'layer4') else [stem]):
            state[f'resnet.{other}.{rest}'] = torch.rand_like(value.float())
    model = narrow(backbone)
    model.load_state_dict(convert_checkpoint(state))
    assert torch.equal(model.backbone.layer4[2].conv3.weight,
                       state['resnet.layer4_1.2.conv3.weight'])


def test_pvt():
    init_default_scope('mmseg')
    backbone, other = (
        MODELS.build(
            dict(
                type='mmdet.PyramidVisionTransformerV2',
                embed_dims=8,
                num_heads=[1, 2, 3, 4],
                num_layers=[1] * 4,
                mlp_ratios=(4, ) * 4)) for _ in range(2))
    state = head_state()
    state.update({
        f'encoder_backbone.{name}': value
        for name, value in pvt_names(backbone).items()
    })
    model = narrow(other)
    model.load_state_dict(convert_checkpoint(state))
    for name, value in backbone.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_a_strange_weight_is_not_dropped():
    converted = convert_checkpoint({'tpavi_b5.g.weight': torch.ones(1)})
    assert converted.keys() == {'tpavi_b5.g.weight'}
