# Copyright (c) mmteso contributors. All rights reserved.
"""Which tensors of transformers' Mask2Former make which of mmsegmentation's.

Both were written from the same paper and hold the same numbers; they differ
in names, in what is fused, and in the order of Swin's patch merging. Names of
transformers are those of its files; :func:`file_name` turns those that
transformers 5 uses in memory into them.
"""
import re
from typing import Any, Callable, Dict, Iterator, NamedTuple, Tuple

import torch
from torch import Tensor

BACKBONE = 'model.pixel_level_module.encoder.'
_PIXEL = 'model.pixel_level_module.decoder.'
_QUERY = 'model.transformer_module.'
_NORM_STATE = ('weight', 'bias', 'running_mean', 'running_var',
               'num_batches_tracked')

# In memory, transformers 5 -> in files, behind BACKBONE
_IN_MEMORY = (
    (r'^swin\.', ''),
    (r'\.attention\.q_proj\.', '.attention.self.query.'),
    (r'\.attention\.k_proj\.', '.attention.self.key.'),
    (r'\.attention\.v_proj\.', '.attention.self.value.'),
    (r'\.attention\.o_proj\.', '.attention.output.dense.'),
    (r'\.attention\.relative_position_bias\.', '.attention.self.'),
    (r'\.mlp\.fc1\.', '.intermediate.dense.'),
    (r'\.mlp\.fc2\.', '.output.dense.'),
)
_UNUSED = re.compile(
    # the loss's class weights
    r'criterion\.empty_weight|'
    # the norm behind Swin's last stage, which no feature map passes
    rf'{re.escape(BACKBONE)}layernorm\.(weight|bias)|'
    # follows from the window size
    rf'{re.escape(BACKBONE)}.*\.relative_position_index')


class Rule(NamedTuple):
    """How one tensor of mmsegmentation is made.

    Attributes:
        target (str): Its name in mmsegmentation.
        sources (tuple[str]): The names in transformers' files of what it is
            made from.
        make (Callable): Makes it from the sources' tensors.
    """
    target: str
    sources: Tuple[str, ...]
    make: Callable[..., Tensor]


def file_name(name: str) -> str:
    """Name that a tensor has in transformers' files.

    Args:
        name (str): That name, or the one in memory of transformers 5.

    Returns:
        str: The name in files.
    """
    if not name.startswith(BACKBONE):
        return name
    name = name[len(BACKBONE):]
    for pattern, replacement in _IN_MEMORY:
        name = re.sub(pattern, replacement, name)
    return BACKBONE + name


def is_unused(name: str) -> bool:
    """Whether no output depends on a tensor, by its name in files.

    Args:
        name (str): Name as :func:`file_name` returns it.

    Returns:
        bool: True for the loss's class weights, the norm behind Swin's last
        stage and the index tables of its windows.
    """
    return _UNUSED.fullmatch(name) is not None


def _same(value: Tensor) -> Tensor:
    return value


def _fuse(*values: Tensor) -> Tensor:
    """Queries', keys' and values' projections, one below the other."""
    return torch.cat(values)


def _unfold_order(value: Tensor) -> Tensor:
    """Inputs of a patch merging, in the order of ``nn.Unfold``.

    Four neighbours are joined with the columns outermost and the channels
    innermost (column, row, channel) there, and the other way round
    (channel, row, column) here.
    """
    *others, width = value.shape
    value = value.reshape(*others, 2, 2, width // 4)
    return value.transpose(-3, -1).reshape(*others, width)


def window_index(window: int) -> Tensor:
    """Row of Swin's bias table for each pair of positions in a window.

    Args:
        window (int): Side of the window.

    Returns:
        Tensor: (window ** 2, window ** 2), int64.
    """
    steps = torch.arange(window)
    row, column = torch.meshgrid(steps, steps, indexing='ij')
    row, column = row.flatten(), column.flatten()
    down = row[:, None] - row + window - 1
    right = column[:, None] - column + window - 1
    return down * (2 * window - 1) + right


def _rename(target: str, source: str,
            kinds: Tuple[str, ...] = ('weight', 'bias')) -> Iterator[Rule]:
    for kind in kinds:
        yield Rule(f'{target}.{kind}', (f'{source}.{kind}', ), _same)


def _swin(config: Dict[str, Any]) -> Iterator[Rule]:
    here, there = 'backbone.', BACKBONE
    yield from _rename(f'{here}patch_embed.projection',
                       f'{there}embeddings.patch_embeddings.projection')
    yield from _rename(f'{here}patch_embed.norm', f'{there}embeddings.norm')
    if config['use_absolute_embeddings']:
        yield Rule(f'{here}absolute_pos_embed',
                   (f'{there}embeddings.position_embeddings', ), _same)
    index = window_index(config['window_size'])
    qkv = ('weight', 'bias') if config['qkv_bias'] else ('weight', )
    stages = len(config['depths'])
    for stage, depth in enumerate(config['depths']):
        for block in range(depth):
            ours = f'{here}stages.{stage}.blocks.{block}.'
            theirs = f'{there}encoder.layers.{stage}.blocks.{block}.'
            yield from _rename(f'{ours}norm1', f'{theirs}layernorm_before')
            yield from _rename(f'{ours}norm2', f'{theirs}layernorm_after')
            for kind in qkv:
                yield Rule(f'{ours}attn.w_msa.qkv.{kind}', tuple(
                    f'{theirs}attention.self.{part}.{kind}'
                    for part in ('query', 'key', 'value')), _fuse)
            yield Rule(
                f'{ours}attn.w_msa.relative_position_bias_table',
                (f'{theirs}attention.self.relative_position_bias_table', ),
                _same)
            yield Rule(f'{ours}attn.w_msa.relative_position_index', (),
                       index.clone)
            yield from _rename(f'{ours}attn.w_msa.proj',
                               f'{theirs}attention.output.dense')
            yield from _rename(f'{ours}ffn.layers.0.0',
                               f'{theirs}intermediate.dense')
            yield from _rename(f'{ours}ffn.layers.1',
                               f'{theirs}output.dense')
        yield from _rename(f'{here}norm{stage}',
                           f'{there}hidden_states_norms.stage{stage + 1}')
        if stage < stages - 1:
            for name in ('norm.weight', 'norm.bias', 'reduction.weight'):
                yield Rule(
                    f'{here}stages.{stage}.downsample.{name}',
                    (f'{there}encoder.layers.{stage}.downsample.{name}', ),
                    _unfold_order)


def _conv_norm(conv: str, norm: str, source: str) -> Iterator[Rule]:
    """A convolution without bias, and its batch norm."""
    yield from _rename(conv, f'{source}.convolution', ('weight', ))
    yield from _rename(norm, f'{source}.normalization', _NORM_STATE)


def _resnet(config: Dict[str, Any]) -> Iterator[Rule]:
    yield from _conv_norm('backbone.conv1', 'backbone.bn1',
                          f'{BACKBONE}embedder.embedder')
    convs = 3 if config['layer_type'] == 'bottleneck' else 2
    width = config['embedding_size']
    for stage, depth in enumerate(config['depths']):
        for block in range(depth):
            ours = f'backbone.layer{stage + 1}.{block}.'
            theirs = f'{BACKBONE}encoder.stages.{stage}.layers.{block}.'
            for i in range(convs):
                yield from _conv_norm(f'{ours}conv{i + 1}', f'{ours}bn{i + 1}',
                                      f'{theirs}layer.{i}')
            # where the resolution or the width changes
            if not block and (stage or width != config['hidden_sizes'][0]):
                yield from _conv_norm(f'{ours}downsample.0',
                                      f'{ours}downsample.1',
                                      f'{theirs}shortcut')


def _pixel_decoder(config: Dict[str, Any]) -> Iterator[Rule]:
    here = 'decode_head.pixel_decoder.'
    for level in range(3):  # from the coarsest one on, in both
        for part, index in (('conv', 0), ('gn', 1)):
            yield from _rename(f'{here}input_convs.{level}.{part}',
                               f'{_PIXEL}input_projections.{level}.{index}')
    yield Rule(f'{here}level_encoding.weight', (f'{_PIXEL}level_embed', ),
               _same)
    for layer in range(config['encoder_layers']):
        ours = f'{here}encoder.layers.{layer}.'
        theirs = f'{_PIXEL}encoder.layers.{layer}.'
        for name in ('sampling_offsets', 'attention_weights', 'value_proj',
                     'output_proj'):
            yield from _rename(f'{ours}self_attn.{name}',
                               f'{theirs}self_attn.{name}')
        yield from _rename(f'{ours}norms.0', f'{theirs}self_attn_layer_norm')
        yield from _rename(f'{ours}ffn.layers.0.0', f'{theirs}fc1')
        yield from _rename(f'{ours}ffn.layers.1', f'{theirs}fc2')
        yield from _rename(f'{ours}norms.1', f'{theirs}final_layer_norm')
    for name, source in (('lateral_convs', 'adapter_1'),
                         ('output_convs', 'layer_1')):
        yield from _rename(f'{here}{name}.0.conv', f'{_PIXEL}{source}.0',
                           ('weight', ))
        yield from _rename(f'{here}{name}.0.gn', f'{_PIXEL}{source}.1')
    yield from _rename(f'{here}mask_feature', f'{_PIXEL}mask_projection')


def _transformer_decoder(config: Dict[str, Any]) -> Iterator[Rule]:
    here = 'decode_head.'
    for name, source in (('query_embed', 'queries_embedder'),
                         ('query_feat', 'queries_features'),
                         ('level_embed', 'level_embed')):
        yield from _rename(f'{here}{name}', f'{_QUERY}{source}', ('weight', ))
    if config['enforce_input_projection']:
        for level in range(3):
            yield from _rename(f'{here}decoder_input_projs.{level}',
                               f'{_QUERY}input_projections.{level}')
    # the first prediction comes before the first layer and counts as one
    for layer in range(config['decoder_layers'] - 1):
        ours = f'{here}transformer_decoder.layers.{layer}.'
        theirs = f'{_QUERY}decoder.layers.{layer}.'
        for kind in ('weight', 'bias'):
            yield Rule(f'{ours}cross_attn.attn.in_proj_{kind}',
                       (f'{theirs}cross_attn.in_proj_{kind}', ), _same)
            yield Rule(f'{ours}self_attn.attn.in_proj_{kind}', tuple(
                f'{theirs}self_attn.{part}_proj.{kind}' for part in 'qkv'),
                       _fuse)
        for name in ('cross_attn', 'self_attn'):
            yield from _rename(f'{ours}{name}.attn.out_proj',
                               f'{theirs}{name}.out_proj')
        yield from _rename(f'{ours}ffn.layers.0.0', f'{theirs}fc1')
        yield from _rename(f'{ours}ffn.layers.1', f'{theirs}fc2')
        # in the order in which they are applied
        for i, name in enumerate(('cross_attn', 'self_attn', 'final')):
            yield from _rename(f'{ours}norms.{i}',
                               f'{theirs}{name}_layer_norm')
    yield from _rename(f'{here}transformer_decoder.post_norm',
                       f'{_QUERY}decoder.layernorm')
    for i in range(3):  # a ReLU is between two of them
        yield from _rename(
            f'{here}mask_embed.{2 * i}',
            f'{_QUERY}decoder.mask_predictor.mask_embedder.{i}.0')
    yield from _rename(f'{here}cls_embed', 'class_predictor')


def conversion_rules(config: Dict[str, Any]) -> Iterator[Rule]:
    """All tensors of mmsegmentation's Mask2Former, and their sources.

    Args:
        config (dict): transformers' configuration, completed by
            :func:`.mask2former_settings.complete_config`.

    Yields:
        Rule: One for each tensor.
    """
    backbone = config['backbone_config']
    yield from dict(swin=_swin, resnet=_resnet)[backbone['model_type']](
        backbone)
    yield from _pixel_decoder(config)
    yield from _transformer_decoder(config)
