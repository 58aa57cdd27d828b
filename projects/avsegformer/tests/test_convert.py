# Copyright (c) mmteso contributors. All rights reserved.
"""Weights in the authors' layout: none left over, and the same masks."""
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmteso_avsegformer import AudioProjectionPrompt, AVSegFormerHead
from mmteso_avsegformer.convert import convert_checkpoint

C, HEADS, QUERIES, FFN = 32, 4, 5, 8
WIDTHS = [8, 16, 24, 32]


def shapes(name, out, *others, bias=True):
    """A weight, and a bias."""
    result = {f'{name}.weight': (out, *others)}
    if bias:
        result[f'{name}.bias'] = (out, )
    return result


def attention(name, bias):
    result = {f'{name}.in_proj_weight': (3 * C, C)}
    if bias:
        result[f'{name}.in_proj_bias'] = (3 * C, )
    return {**result, **shapes(f'{name}.out_proj', C, C, bias=bias)}


def head_layout():
    """Names and shapes of the authors' model but for its backbone."""
    found = dict(
        shapes('audio_proj', C, 128),
        **shapes('vggish.features.0', 64, 1, 3, 3),
        **{'head.level_embed': (3, C)},
        **shapes('head.learnable_query', QUERIES, C, bias=False),
        **shapes('head.query_generator.query', QUERIES, C, bias=False))
    for i in range(2):
        name = f'head.query_generator.layers.{i}'
        found.update(attention(f'{name}.self_attn', False))
        found.update(attention(f'{name}.cross_attn', False))
        found.update(shapes(f'{name}.ffn.0', FFN, C))
        found.update(shapes(f'{name}.ffn.2', C, FFN))
        for j in (1, 2, 3):
            found.update(shapes(f'{name}.norm{j}', C))
        for part, norms in (('encoder', (1, 2)), ('decoder', (1, 2, 3))):
            name = f'head.transformer.{part}.layers.{i}'
            found.update(shapes(f'{name}.linear1', FFN, C))
            found.update(shapes(f'{name}.linear2', C, FFN))
            for j in norms:
                found.update(shapes(f'{name}.norm{j}', C))
        found.update(attention(f'{name}.self_attn', True))
        found.update(attention(f'{name}.cross_attn', True))
        name = f'head.transformer.encoder.layers.{i}.self_attn'
        found.update(shapes(f'{name}.sampling_offsets', HEADS * 24, C))
        found.update(shapes(f'{name}.attention_weights', HEADS * 12, C))
        found.update(shapes(f'{name}.value_proj', C, C))
        found.update(shapes(f'{name}.output_proj', C, C))
    for i, width in enumerate(WIDTHS):
        found.update(shapes(f'head.in_proj.{i}.0', C, width, 1, 1))
        found.update(shapes(f'head.in_proj.{i}.1', C))
    for i, (inner, outer) in enumerate(
            ((QUERIES, FFN), (FFN, FFN), (FFN, C))):
        found.update(shapes(f'head.mlp.layers.{i}', outer, inner, 1, 1))
    found.update(shapes('head.fusion_block.q_proj', C, C, bias=False))
    found.update(shapes('head.fusion_block.kv_proj', 2 * C, C, bias=False))
    found.update(shapes('head.fusion_block.proj', C, C))
    for name, size in (('lateral_conv', 1), ('out_conv', 3)):
        found.update(shapes(f'head.{name}.0', C, C, size, size))
        found.update(shapes(f'head.{name}.1', C))
    for name in ('attn_fc', 'fc'):  # the first isn't used
        found.update(shapes(f'head.{name}.0', 128, C, 3, 3))
        found.update(shapes(f'head.{name}.2', 32, 128, 3, 3))
        found.update(shapes(f'head.{name}.4', 1, 32, 1, 1, bias=False))
    for i in (1, 2, 3):
        found.update(shapes(f'head.fpn.up{i}.1', C, C, 3, 3))
    return found


def pvt_layout():
    """A PVTv2 of one layer a stage."""
    found, before = {}, 3
    for i, (width, ratio) in enumerate(zip(WIDTHS, (8, 4, 2, 1)), 1):
        size = 7 if i == 1 else 3
        block = f'block{i}.0'
        found.update(
            shapes(f'patch_embed{i}.proj', width, before, size, size))
        for name in (f'patch_embed{i}.norm', f'{block}.norm1',
                     f'{block}.norm2', f'norm{i}'):
            found.update(shapes(name, width))
        found.update(shapes(f'{block}.attn.q', width, width))
        found.update(shapes(f'{block}.attn.kv', 2 * width, width))
        found.update(shapes(f'{block}.attn.proj', width, width))
        if ratio > 1:
            found.update(
                shapes(f'{block}.attn.sr', width, width, ratio, ratio))
            found.update(shapes(f'{block}.attn.norm', width))
        found.update(shapes(f'{block}.mlp.fc1', 4 * width, width))
        found.update(
            shapes(f'{block}.mlp.dwconv.dwconv', 4 * width, 1, 3, 3))
        found.update(shapes(f'{block}.mlp.fc2', width, 4 * width))
        before = width
    return {f'backbone.{name}': shape for name, shape in found.items()}


def random_state(layout):
    torch.manual_seed(0)
    return {name: .3 * torch.randn(shape) for name, shape in layout.items()}


def narrow(backbone):
    """What the converted weights have to fit."""
    return nn.ModuleDict(
        dict(
            backbone=backbone,
            audio_encoder=nn.ModuleDict(
                dict(features=nn.Sequential(nn.Conv2d(1, 64, 3)))),
            prompt_encoder=AudioProjectionPrompt(embed_dims=C),
            decode_head=AVSegFormerHead(
                WIDTHS,
                feat_channels=C,
                num_queries=QUERIES,
                num_layers=(2, 2, 2),
                num_heads=HEADS,
                ffn_channels=FFN,
                generator_channels=FFN)))


def sine_positions(height, width):
    """Rows' sines and cosines, then columns', (C, h, w)."""
    rates = 10000**(torch.arange(0, C // 2, 2) / (C // 2))
    maps = []
    for size, axis in ((height, 1), (width, 2)):
        phases = torch.arange(1., size + 1)[:, None] / rates
        waves = torch.stack([phases.sin(), phases.cos()], 2).flatten(1)
        maps.append(waves.T.unsqueeze(3 - axis).expand(-1, height, width))
    return torch.cat(maps)


def sample_deformably(value, sizes, places, weights):
    """(B, N, heads, d), read at (B, N, heads, levels, points, 2)."""
    total, start = 0, 0
    for level, (height, width) in enumerate(sizes.tolist()):
        image = value[:, start:start + height * width].permute(0, 2, 3, 1)
        start += height * width
        found = F.grid_sample(
            image.flatten(0, 1).unflatten(2, (height, width)),
            2 * places[:, :, :, level].transpose(1, 2).flatten(0, 1) - 1,
            align_corners=False)  # (B * heads, d, N, points)
        weight = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)
        total = total + (found * weight[:, None]).sum(3)
    batch, _, heads, _ = value.shape
    return total.unflatten(0, (batch, heads)).permute(0, 3, 1, 2).flatten(2)


class Public:
    """The authors' computation, of their weights by name."""

    def __init__(self, state):
        self.state = state

    def linear(self, name, x):
        return F.linear(x, self.state[f'{name}.weight'],
                        self.state.get(f'{name}.bias'))

    def conv(self, name, x, **kwargs):
        return F.conv2d(x, self.state[f'{name}.weight'],
                        self.state.get(f'{name}.bias'), **kwargs)

    def group_norm(self, name, x):
        return F.group_norm(x, 32, self.state[f'{name}.weight'],
                            self.state[f'{name}.bias'])

    def layer_norm(self, name, x):
        return F.layer_norm(x, (C, ), self.state[f'{name}.weight'],
                            self.state[f'{name}.bias'])

    def attend(self, name, query, key):
        weight = self.state[f'{name}.in_proj_weight'].chunk(3)
        bias = self.state.get(f'{name}.in_proj_bias', torch.zeros(3 * C))
        query, key, value = (
            F.linear(x, w, b).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, key), weight, bias.chunk(3)))
        weights = query @ key.transpose(2, 3) / query.shape[-1]**.5
        found = (weights.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.linear(f'{name}.out_proj', found)

    def feed_forward(self, names, norm, x):
        first, second = names
        moved = self.linear(second, F.gelu(self.linear(first, x)))
        return self.layer_norm(norm, x + moved)

    def query_layer(self, name, query, key, ffn):
        for i, (part, other) in enumerate(
                (('self_attn', None), ('cross_attn', key)), 1):
            found = self.attend(f'{name}.{part}', query,
                                query if other is None else other)
            query = self.layer_norm(f'{name}.norm{i}', query + found)
        return self.feed_forward([f'{name}.{x}' for x in ffn],
                                 f'{name}.norm3', query)

    def encoder_layer(self, name, x, pos, points, sizes):
        attn = f'{name}.self_attn'
        asked = x + pos
        offsets = self.linear(f'{attn}.sampling_offsets', asked).unflatten(
            2, (HEADS, 3, 4, 2))
        weights = self.linear(f'{attn}.attention_weights', asked).unflatten(
            2, (HEADS, 12)).softmax(-1).unflatten(3, (3, 4))
        places = points[None, :, None, None, None] + \
            offsets / sizes.flip(1)[:, None]
        found = sample_deformably(
            self.linear(f'{attn}.value_proj', x).unflatten(2, (HEADS, -1)),
            sizes, places, weights)
        x = self.layer_norm(f'{name}.norm1',
                            x + self.linear(f'{attn}.output_proj', found))
        return self.feed_forward([f'{name}.linear1', f'{name}.linear2'],
                                 f'{name}.norm2', x)

    def __call__(self, feats, audio):
        audio = self.linear('audio_proj', audio[:, None])
        finest, *levels = (
            self.group_norm(f'head.in_proj.{i}.1',
                            self.conv(f'head.in_proj.{i}.0', x))
            for i, x in enumerate(feats))
        sizes = torch.tensor([x.shape[2:] for x in levels])
        pos = torch.cat([
            (sine_positions(*size) + level[:, None, None]).flatten(1)
            for size, level in zip(sizes.tolist(),
                                   self.state['head.level_embed'])
        ], 1).T
        points = torch.cat([
            torch.stack(
                torch.meshgrid(
                    (torch.arange(w) + .5) / w, (torch.arange(h) + .5) / h,
                    indexing='xy'), -1).flatten(0, 1)
            for h, w in sizes.tolist()
        ])
        tokens = torch.cat([x.flatten(2) for x in levels], 2).transpose(1, 2)
        for i in range(2):
            tokens = self.encoder_layer(f'head.transformer.encoder.layers.{i}',
                                        tokens, pos, points, sizes)
        query = self.state['head.query_generator.query.weight'].expand(
            len(audio), -1, -1)
        for i in range(2):
            query = self.query_layer(f'head.query_generator.layers.{i}', query,
                                     audio, ('ffn.0', 'ffn.2'))
        query = query + self.state['head.learnable_query.weight']
        for i in range(2):
            query = self.query_layer(f'head.transformer.decoder.layers.{i}',
                                     query, tokens, ('linear1', 'linear2'))
        eighth = tokens[:, :sizes[0].prod()].transpose(1, 2).unflatten(
            2, sizes[0].tolist())
        lateral = self.group_norm('head.lateral_conv.1',
                                  self.conv('head.lateral_conv.0', finest))
        mask = self.conv(
            'head.out_conv.0',
            lateral + F.interpolate(
                eighth, lateral.shape[2:], mode='bilinear'),
            padding=1)
        mask = self.group_norm('head.out_conv.1', mask).relu()
        name = 'head.fusion_block'
        asked = self.linear(f'{name}.q_proj', audio)
        keys, values = self.linear(f'{name}.kv_proj',
                                   mask.flatten(2).transpose(1, 2)).chunk(2, 2)
        asked, keys, values = (
            x.unflatten(2, (HEADS, -1)) for x in (asked, keys, values))
        weights = torch.einsum('bihd,bjhd->bhij', asked, keys)
        weights = (weights / (C / HEADS)**.5).softmax(-1)
        heard = torch.einsum('bhij,bjhd->bihd', weights, values).flatten(1)
        mask = mask * self.linear(f'{name}.proj',
                                  heard).sigmoid()[..., None, None]
        x = torch.einsum('bqc,bchw->bqhw', query, mask)
        for i in range(3):
            x = self.conv(f'head.mlp.layers.{i}', x)
            x = x if i == 2 else x.relu()
        x = self.conv('head.fc.0', mask + x, padding=1)
        x = F.interpolate(x, scale_factor=4, mode='bilinear')
        return self.conv('head.fc.4',
                         self.conv('head.fc.2', x, padding=1).relu())


@torch.no_grad()
def test_pvt():
    """Whole, nothing over, and the authors' masks."""
    init_default_scope('mmseg')
    state = random_state({**head_layout(), **pvt_layout()})
    model = narrow(
        MODELS.build(
            dict(
                type='mmdet.PyramidVisionTransformerV2',
                embed_dims=8,
                num_heads=[1, 2, 3, 4],
                num_layers=[1] * 4,
                mlp_ratios=(4, ) * 4))).eval()
    feats = [
        torch.randn(2, width, 8 >> i, 16 >> i)
        for i, width in enumerate(WIDTHS)
    ]
    audio = torch.randn(2, 128)
    model.load_state_dict(convert_checkpoint(state))
    torch.testing.assert_close(
        model.decode_head(feats, model.prompt_encoder(audio)),
        Public(state)(feats, audio), atol=1e-4, rtol=1e-4)


def test_resnet():
    """Of the two branches the one that is called."""
    init_default_scope('mmseg')
    backbone = MODELS.build(
        dict(type='ResNet', depth=50, base_channels=4, stem_channels=4))
    layout = {}
    for name, value in backbone.state_dict().items():
        stem, _, rest = name.partition('.')
        for other in ([f'{stem}_1', f'{stem}_2']
                      if stem in ('layer3', 'layer4') else [stem]):
            layout[f'backbone.{other}.{rest}'] = tuple(value.shape)
    state = random_state({**head_layout(), **layout})
    model = narrow(backbone)
    model.load_state_dict(convert_checkpoint(state))
    assert torch.equal(model.backbone.layer4[2].conv3.weight,
                       state['backbone.layer4_1.2.conv3.weight'])


def test_a_strange_weight_is_not_dropped():
    converted = convert_checkpoint({'head.extra.weight': torch.ones(1)})
    assert converted.keys() == {'decode_head.extra.weight'}
