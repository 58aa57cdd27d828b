# Copyright (c) mmteso contributors. All rights reserved.
"""Inputs with the statistics of real encoders, where these are not at hand."""
from typing import Any, Dict, NamedTuple

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F


class TextStatistics(NamedTuple):
    """Of the features of different cues.

    Attributes:
        length (float): Euclidean length of each.
        cosine (float): Mean cosine of two.
    """
    length: float
    cosine: float


#: Of text encoders. ImageBind's package multiplies unit vectors by its logit
#: scale, about 100; the cosine of "This is a {cue}." is assumed. That of
#: all-MiniLM-L6-v2 was measured over AVSBench's 70 classes. ``hash`` is
#: :class:`HashTextEncoder`.
TEXT_STATISTICS = dict(
    imagebind=TextStatistics(100., 0.6),
    minilm=TextStatistics(1., 0.35),
    hash=TextStatistics(1., 0.))


def simulated_inputs(model: nn.Module,
                     text: TextStatistics,
                     frames: int = 4,
                     num_cues: int = 4,
                     size: int = 384,
                     seed: int = 0) -> Dict[str, Tensor]:
    """A batch for a segmentor without data, audio or text encoder.

    Images are Gaussian noise. Sound is like VGGish's before its PCA:
    non-negative, half of the entries zero, with a cosine of about 0.7 between
    two sounds. A text feature is a direction that all cues share plus one of
    its own.

    Args:
        model (AudioTextSegmentor): Whose ``prompt_encoder`` has
            ``audio_dims`` and ``text_dims``; one it doesn't read may be
            missing.
        text (TextStatistics): Of the text features.
        frames (int): B. Defaults to 4.
        num_cues (int): N_T, all of them valid. Defaults to 4.
        size (int): Side of the images. Defaults to 384.
        seed (int): Of the noise. Defaults to 0.

    Returns:
        dict[str, Tensor]: ``img`` (B, 3, size, size), ``audio_feat``
        (B, audio_dims), ``text_feat`` (B, N_T, text_dims) and ``text_valid``.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    encoder = model.prompt_encoder
    audio_dims = getattr(encoder, 'audio_dims', 1)
    text_dims = getattr(encoder, 'text_dims', 1)
    shared = F.normalize(noise(text_dims), dim=-1)
    own = F.normalize(noise(frames, num_cues, text_dims), dim=-1)
    features = text.cosine**0.5 * shared + (1 - text.cosine)**0.5 * own
    return dict(
        img=noise(frames, 3, size, size),
        audio_feat=(0.3 * noise(audio_dims) +
                    0.3 * noise(frames, audio_dims)).relu(),
        text_feat=text.length * features,
        text_valid=torch.ones(frames, num_cues, dtype=torch.bool))


def random_model(cfg: Config, seed: int = 0) -> nn.Module:
    """Build a config's segmentor with new weights, for simulated inputs.

    No file is read: what would be pretrained is random. There is no audio
    encoder, since :func:`simulated_inputs` has its features.

    Args:
        cfg (Config): The config; not modified.
        seed (int): Of the weights. Defaults to 0.

    Returns:
        AudioTextSegmentor: In eval mode, on the CPU.
    """
    model_cfg = ConfigDict(_without_files(cfg.model.to_dict()))
    model_cfg['audio_encoder'] = None
    model_cfg['frozen'] = [
        path for path in model_cfg.get('frozen', ())
        if path.split('.')[0] != 'audio_encoder'
    ]
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    torch.manual_seed(seed)
    model = MODELS.build(model_cfg)
    model.init_weights()
    return model.eval()


def _without_files(cfg: Any) -> Any:
    """A copy without the ``init_cfg`` that read files."""
    if isinstance(cfg, dict):
        return {
            key: _without_files(value)
            for key, value in cfg.items()
            if not (key == 'init_cfg' and isinstance(value, dict)
                    and 'checkpoint' in value)
        }
    if isinstance(cfg, (list, tuple)):
        return type(cfg)(_without_files(value) for value in cfg)
    return cfg
