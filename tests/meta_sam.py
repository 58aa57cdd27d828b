# Copyright (c) mmteso contributors. All rights reserved.
"""What Meta's own code makes of a small SAM with known weights.

``python tests/meta_sam.py SEGMENT_ANYTHING`` writes ``meta_sam.json`` anew,
given a checkout of facebookresearch/segment-anything. It holds the names and
shapes of the weights, some of what the network computes, and how it wants its
images normalised; the weights themselves are drawn again from the names'
order.
"""
import argparse
import importlib.util
import json
import sys
from functools import partial
from pathlib import Path
from typing import Dict, Tuple

import pytest
import torch
from torch import Tensor, nn

FILE = Path(__file__).with_suffix('.json')
IMG_SIZE, WIDTH, IMAGES = 64, 32, 2
COMMIT = 'dca509fe793f601edb92606367a655c15ac00fdf'


def reference() -> dict:
    """The file's content, with ``shapes`` as lists by name."""
    content = json.loads(FILE.read_text(encoding='utf-8'))
    content['shapes'] = {
        name: [int(size) for size in sizes.split()]
        for name, sizes in content['shapes'].items()
    }
    return content


def _draw(number: int, shape, scale: float) -> Tensor:
    rng = torch.Generator().manual_seed(number)
    return scale * torch.randn(tuple(shape), generator=rng)


def random_state_dict(shapes: Dict[str, list]) -> Dict[str, Tensor]:
    """Weights under Meta's names, each from a seed of its own."""
    return {
        name: _draw(number, shapes[name], 0.3)
        for number, name in enumerate(sorted(shapes))
    }


def images() -> Tensor:
    """(2, 3, 64, 64)."""
    return _draw(1000, (IMAGES, 3, IMG_SIZE, IMG_SIZE), 1.0)


def summary(values: Tensor) -> dict:
    """Deviation and a few values of a tensor, enough to tell it."""
    flat = values.flatten().double()
    places = torch.linspace(0, len(flat) - 1, min(len(flat), 24)).long()
    return dict(
        shape=list(values.shape),
        std=flat.std().item(),
        values=flat[places].tolist())


def assert_equals_summary(values: Tensor, expected: dict) -> None:
    """Compare a tensor with what Meta's code gave, to 1e-4."""
    assert expected['std'] > 0.1  # it isn't a constant that is compared
    for key, value in summary(values).items():
        assert value == pytest.approx(expected[key], abs=1e-4, rel=1e-4)


def _load_modeling(checkout: str):
    """segment_anything.modeling alone: the rest needs torchvision."""
    folder = Path(checkout) / 'segment_anything' / 'modeling'
    spec = importlib.util.spec_from_file_location(
        'sam_modeling',
        folder / '__init__.py',
        submodule_search_locations=[str(folder)])
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def build(meta) -> nn.Module:
    """A SAM of three layers, the middle one global.

    Args:
        meta (module): Meta's ``segment_anything.modeling``.
    """
    grid = (IMG_SIZE // 8, ) * 2
    return meta.Sam(
        image_encoder=meta.ImageEncoderViT(
            depth=3,
            embed_dim=16,
            img_size=IMG_SIZE,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=2,
            patch_size=8,
            use_rel_pos=True,
            global_attn_indexes=[1],
            window_size=3,
            out_chans=WIDTH),
        prompt_encoder=meta.PromptEncoder(
            embed_dim=WIDTH,
            image_embedding_size=grid,
            input_image_size=(IMG_SIZE, IMG_SIZE),
            mask_in_chans=8),
        mask_decoder=meta.MaskDecoder(
            transformer=meta.TwoWayTransformer(
                depth=2, embedding_dim=WIDTH, mlp_dim=48, num_heads=8),
            transformer_dim=WIDTH,
            iou_head_hidden_dim=24)).eval()


@torch.no_grad()
def run(sam: nn.Module) -> Tuple[Tensor, Tensor, Tensor]:
    """Image embeddings, masks and IoUs without any prompt."""
    embeddings = sam.image_encoder(images())
    sparse, dense = sam.prompt_encoder(points=None, boxes=None, masks=None)
    masks, ious = [], []
    for embedding in embeddings:
        results = sam.mask_decoder.predict_masks(
            image_embeddings=embedding[None],
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense)
        masks.append(results[0][0])
        ious.append(results[1][0])
    return embeddings, torch.stack(masks), torch.stack(ious)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkout')
    sam = build(_load_modeling(parser.parse_args().checkout))
    shapes = {name: list(v.shape) for name, v in sam.state_dict().items()}
    sam.load_state_dict(random_state_dict(shapes))
    outputs = zip(('embeddings', 'masks', 'ious'), run(sam))
    content = dict(
        source=f'facebookresearch/segment-anything at {COMMIT}',
        shapes={
            name: ' '.join(map(str, shape))
            for name, shape in shapes.items()
        },
        pixel_mean=sam.pixel_mean.flatten().tolist(),
        pixel_std=sam.pixel_std.flatten().tolist(),
        outputs={name: summary(value) for name, value in outputs})
    FILE.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
