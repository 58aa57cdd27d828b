# Copyright (c) mmteso contributors. All rights reserved.
"""Where the queries that find something sounding look."""
from typing import List, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmteso.models import TeSOHead
from mmteso.models.decode_heads import record_query_attention
from mmteso.visualization import (PictureRow, draw_picture_grid, overlay_heat,
                                  overlay_mask)
from .frames import (batches, build_test_set, label_of, load_frames,
                     picture_of, truth_of)

_UNIT = 'attention x sounding queries (1: one query, everywhere alike)'


@torch.no_grad()
def sounding_attention(model: nn.Module,
                       items: Sequence[dict],
                       without_cues: bool = False) -> List[np.ndarray]:
    """Attention of the mask queries to the image, weighted by what sounds.

    The paper's figure J9 doesn't say how the queries were put together. Ours:
    the cross-attention of the last decoder layer that reads the finest level,
    a mean over its heads, summed over the queries with the final probability
    that the query's class sounds (any class but background and "no object") as
    weight. Where no query finds anything sounding, the map is dark.

    The model, in eval mode, sees items of a data set whole, also with
    ``test_cfg.mode='slide'``. ``without_cues`` lets all cues count as padding,
    so that the "no cue" key alone is left. Gives by frame float (H, W), at the
    size of the ground truth: 1 is what one query, sure to have found something
    sounding, would give every place if it looked everywhere alike.
    """
    head = model.decode_head
    if not isinstance(head, TeSOHead):
        raise TypeError(
            'the attention of mask queries needs a model with TeSOHead, but '
            f'got {type(head).__name__}: leave that picture out')
    layers = head.num_transformer_decoder_layers
    levels = head.num_transformer_feat_level
    layer = max(layers // levels * levels, min(layers, levels)) - 1
    found = []
    for batch in batches(items):
        data = model.data_preprocessor(batch, False)
        inputs, samples = dict(data['inputs']), data['data_samples']
        if without_cues:
            for name in ('text_feat', 'text_valid'):
                inputs[name] = torch.zeros_like(inputs[name])
        prompt = model.encode_prompt(inputs, samples)
        features = model.fuse(model.extract_feat(inputs['img']), prompt)
        memory = head.encode_image(features)
        with record_query_attention(head) as records:
            classes, _ = head.decode(memory, prompt)
        weights = classes[-1].float().softmax(-1)[..., 1:-1].sum(-1)
        attention, = records[layer]
        heat = torch.einsum('bq,bqk->bk', weights, attention.float())
        heat = (heat * attention.shape[-1]).unflatten(
            -1, memory.sizes[layer % levels])
        found += [
            _at_truth(one, inputs['img'].shape[-2:], sample)
            for one, sample in zip(heat, samples)
        ]
    return found


def draw_attention(models: Mapping[str, nn.Module], frames: Sequence[str],
                   path: str, title: str) -> None:
    """Draw the attention of models under normal sound, all on one scale.

    The first model, if it reads cues, is shown without them too. Below each
    map stands how much of it falls on what sounds.
    """
    heats, items = {}, []
    for name, model in models.items():
        own = load_frames(build_test_set(model.cfg), frames)
        heats[name] = sounding_attention(model, own)
        if not items and reads_cues(model):
            heats[f'{name}, cues taken away'] = sounding_attention(
                model, own, without_cues=True)
        items = items or own
    # a few hot pixels don't darken the rest
    flat = [heat.ravel() for maps in heats.values() for heat in maps]
    highest = float(np.percentile(np.concatenate(flat), 99.5))
    rows = []
    for i, item in enumerate(items):
        image, truth = picture_of(item), truth_of(item)
        row = PictureRow({
            'frame': image,
            'ground truth': overlay_mask(image, truth)
        }, label_of(item['data_samples']))
        for name, maps in heats.items():
            row.pictures[name] = overlay_heat(image, maps[i], highest)
            share = 100 * maps[i][truth].sum() / max(maps[i].sum(), 1e-12)
            row.notes[name] = (
                f'{share:.0f} % on what sounds'
                if truth.any() else 'nothing sounds')
        rows.append(row)
    draw_picture_grid(rows, path, title, heat_scale=(highest, _UNIT))


def reads_cues(model: nn.Module) -> bool:
    """Whether a segmentor's prompt depends on text cues."""
    encoder = getattr(model, 'prompt_encoder', None)
    return (encoder is not None
            and 'text' in getattr(encoder, 'reads', ('audio', 'text')))


def _at_truth(heat: Tensor, padded: Sequence[int], sample) -> np.ndarray:
    """A level's map at the size of the ground truth, without the padding."""
    heat = F.interpolate(
        heat[None, None], tuple(padded), mode='bilinear', align_corners=False)
    height, width = sample.img_shape[:2]
    heat = F.interpolate(
        heat[..., :height, :width],
        sample.gt_sem_seg.data.shape[-2:],
        mode='bilinear',
        align_corners=False)
    return heat[0, 0].cpu().numpy()
