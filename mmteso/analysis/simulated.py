# Copyright (c) mmteso contributors. All rights reserved.
"""Models and batches where neither weights nor data are at hand."""
import copy
from typing import Any, Iterator, Optional, Sequence

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import load_checkpoint
from mmengine.structures import LabelData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn import functional as F

from mmteso.choices import TEXT_STATISTICS


def model_without_files(cfg: Config,
                        checkpoint: Optional[str] = None,
                        audio_encoder: bool = False) -> nn.Module:
    """Build a config's segmentor with random weights in place of files.

    With ``checkpoint`` all its weights are those. Its audio encoder is left
    out by default: :func:`simulated_batches` have what one gives.
    """
    model_cfg = copy.deepcopy(cfg.model)
    _drop_pretrained(model_cfg)
    model = revert_sync_batchnorm(MODELS.build(model_cfg))
    model.init_weights()
    if checkpoint is not None:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    if not audio_encoder:
        model.audio_encoder = None
    return model


def _drop_pretrained(cfg: Any) -> None:
    """Leave random weights where a config names files, in place."""
    if isinstance(cfg, dict):
        if (cfg.get('init_cfg') or {}).get('type') == 'Pretrained':
            cfg['init_cfg'] = None
        cfg = cfg.values()
    for item in cfg:
        if isinstance(item, (dict, list, tuple)):
            _drop_pretrained(item)


def simulated_batches(cfg: Config,
                      model: nn.Module,
                      batch_size: int,
                      text: Sequence[float] = TEXT_STATISTICS['imagebind'],
                      seed: int = 0) -> Iterator[dict]:
    """Endless batches with the statistics of real features, of no meaning.

    Images are noise with the spectrum of natural ones (amplitude 1 / f), in
    which one or two ellipses of another colour are the mask. A text feature
    is a direction that all cues share plus one of its own; sound is
    non-negative and two thirds zeros, as VGGish's. Two to four cues are
    valid.
    """
    size = cfg.model.data_preprocessor.get('size') or cfg.get('frame_size')
    if not size:
        raise ValueError(
            'the config has neither data_preprocessor.size nor frame_size, '
            'so images can\'t be simulated: take its data (--real-data)')
    length, cosine = text
    encoder = model.prompt_encoder
    text_dims = getattr(encoder, 'text_dims', 1024)
    num_cues = cfg.get('num_cues', 4)
    rng = torch.Generator().manual_seed(seed)
    common = torch.randn(text_dims, generator=rng)
    while True:
        batch = dict(inputs={}, data_samples=[])
        for _ in range(batch_size):
            mask, image = _picture(
                size, getattr(model.decode_head, 'num_classes', 2), rng)
            own = torch.randn(num_cues, text_dims, generator=rng)
            features = length * F.normalize(
                cosine**0.5 * common + (1 - cosine)**0.5 * own, dim=1)
            count = int(torch.randint(2, num_cues + 1, (), generator=rng))
            valid = torch.arange(num_cues) < count
            audio = torch.randn(
                getattr(encoder, 'audio_dims', 128), generator=rng)
            target = torch.rand(num_cues, generator=rng).round()
            sample = SegDataSample(
                metainfo=dict(ori_shape=size, img_shape=size, pad_shape=size),
                gt_sem_seg=PixelData(data=mask[None]),
                gt_cues=LabelData(label=target.masked_fill(~valid, -1)))
            batch['data_samples'].append(sample)
            for key, value in dict(
                    img=image,
                    audio_feat=audio.sub(0.43).relu(),
                    text_feat=features * valid[:, None],
                    text_valid=valid).items():
                batch['inputs'].setdefault(key, []).append(value)
        yield batch


def _picture(size: Sequence[int], classes: int,
             rng: torch.Generator) -> tuple:
    """A mask (H, W) and its image, uint8 (3, H, W)."""
    height, width = size
    frequency = (torch.fft.fftfreq(height)[:, None]**2 +
                 torch.fft.rfftfreq(width)**2).sqrt()
    spectrum = torch.fft.rfft2(torch.randn(3, *size, generator=rng))
    noise = torch.fft.irfft2(
        spectrum / frequency.clamp(min=1 / max(size)), s=tuple(size))
    image = 120 + 50 * noise / noise.std()
    mask = torch.zeros(tuple(size), dtype=torch.long)
    y = torch.linspace(0, 1, height)[:, None]
    x = torch.linspace(0, 1, width)
    for _ in range(int(torch.randint(1, 3, (), generator=rng))):
        place = torch.rand(2, generator=rng) * 0.6 + 0.2
        radius = torch.rand(2, generator=rng) * 0.2 + 0.1
        inside = ((y - place[0]) / radius[0])**2 + (
            (x - place[1]) / radius[1])**2 < 1
        label = int(torch.randint(1, classes, (), generator=rng))
        mask[inside] = label
        image[:, inside] += 60 * torch.randn(3, 1, generator=rng)
    return mask, image.clamp(0, 255).byte()
