# Copyright (c) mmteso contributors. All rights reserved.
"""ImageBind's checkpoint in small, and its text tower written out plainly.

Nothing here uses mmteso or transformers: it is what they are compared with.
"""
import math

import torch
from torch import Tensor

VOCABULARY, CONTEXT = 49408, 77
END = VOCABULARY - 1


def random_checkpoint(width: int = 16, blocks: int = 2, dims: int = 24,
                      log_scale: float = math.log(30), seed: int = 0) -> dict:
    """Random weights under the names of ``imagebind_huge.pth``.

    The whole text tower, whose factor's logarithm is ``log_scale``, and a few
    weights of other modalities.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape, std=1.0, mean=0.0):
        return mean + std * torch.randn(*shape, generator=generator)

    def norm(name):
        return {f'{name}.weight': normal(width, std=0.3, mean=1),
                f'{name}.bias': normal(width, std=0.3)}

    def linear(name, outputs, inputs, dot='.'):
        return {f'{name}{dot}weight': normal(
                    outputs, inputs, std=inputs**-0.5),
                f'{name}{dot}bias': normal(outputs, std=0.3)}

    text = {
        # small, so that the epsilon of the first norm can be seen
        'modality_preprocessors.text.token_embedding.weight':
        normal(VOCABULARY, width, std=0.01),
        'modality_preprocessors.text.pos_embed':
        normal(1, CONTEXT, width, std=0.005),
        'modality_preprocessors.text.mask':
        torch.full((CONTEXT, CONTEXT), -math.inf).triu(1),
        'modality_heads.text.proj.1.weight':
        normal(dims, width),
        'modality_postprocessors.text.1.log_logit_scale':
        torch.tensor(log_scale),
        **norm('modality_heads.text.proj.0'),
    }
    for index in range(blocks):
        block = f'modality_trunks.text.blocks.{index}'
        text.update(linear(f'{block}.attn.in_proj', 3 * width, width, dot='_'))
        text.update(linear(f'{block}.attn.out_proj', width, width))
        text.update(linear(f'{block}.mlp.fc1', 4 * width, width))
        text.update(linear(f'{block}.mlp.fc2', width, 4 * width))
        text.update(norm(f'{block}.norm_1'))
        text.update(norm(f'{block}.norm_2'))
    others = {
        'modality_preprocessors.vision.cls_token': normal(1, 1, 4),
        'modality_trunks.audio.blocks.0.norm_1.weight': normal(4),
        'modality_heads.imu.3.weight': normal(dims, 4),
        'modality_postprocessors.depth.1.log_logit_scale': normal(1)[0],
    }
    return {**others, **text}


def text_embeddings(weights: dict, tokens: Tensor, num_heads: int,
                    scaled: bool = True) -> Tensor:
    """What ImageBind's text tower computes, head by head, in float64.

    Of tokens, int64, (n, 77), with the weights of :func:`random_checkpoint`;
    times the learned factor if ``scaled``: (n, dims).
    """
    weights = {key: value.double() for key, value in weights.items()}

    def norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
        return x * weights[f'{name}.weight'] + weights[f'{name}.bias']

    def linear(x, name, dot='.'):
        return (x @ weights[f'{name}{dot}weight'].T +
                weights[f'{name}{dot}bias'])

    def gelu(x):
        return x * (1 + torch.erf(x / math.sqrt(2))) / 2

    def attention(x, name):
        heads = []
        queries, keys, values = (
            part.chunk(num_heads, -1)
            for part in linear(x, f'{name}.in_proj', dot='_').chunk(3, -1))
        for query, key, value in zip(queries, keys, values):
            scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
            scores = scores + weights['modality_preprocessors.text.mask']
            heads.append(scores.softmax(-1) @ value)
        return linear(torch.cat(heads, -1), f'{name}.out_proj')

    x = weights['modality_preprocessors.text.token_embedding.weight'][tokens]
    x = x + weights['modality_preprocessors.text.pos_embed']
    index = 0
    while f'modality_trunks.text.blocks.{index}.norm_1.weight' in weights:
        block = f'modality_trunks.text.blocks.{index}'
        x = x + attention(norm(x, f'{block}.norm_1'), f'{block}.attn')
        hidden = gelu(linear(norm(x, f'{block}.norm_2'), f'{block}.mlp.fc1'))
        x = x + linear(hidden, f'{block}.mlp.fc2')
        index += 1
    # the end token is the highest
    x = x[torch.arange(len(x)), tokens.argmax(1)]
    x = norm(x, 'modality_heads.text.proj.0')
    x = x @ weights['modality_heads.text.proj.1.weight'].T
    x = x / x.norm(dim=-1, keepdim=True)
    if scaled:
        x = x * weights[
            'modality_postprocessors.text.1.log_logit_scale'].exp().clamp(
                max=100)
    return x
