# Copyright (c) mmteso contributors. All rights reserved.
"""What an AudioTextSegmentor settles about its parts."""
from mmengine.model import initialize
from torch import nn


def check_widths(model: nn.Module) -> None:
    """Compare the widths of the parts, before any weights are loaded.

    Args:
        model (AudioTextSegmentor): Its parts may say what they make and read
            (``embed_dims``, ``audio_dims``, ``prompt_dims``).

    Raises:
        ValueError: If two that say so don't fit.
    """
    encoder, prompt = model.audio_encoder, model.prompt_encoder
    made = getattr(encoder, 'embed_dims', None)
    read = getattr(prompt, 'audio_dims', made)
    if made not in (None, read):
        raise ValueError(
            f'{type(encoder).__name__} gives audio features of {made} '
            f'channels, but {type(prompt).__name__} takes {read}: set '
            f'prompt_encoder.audio_dims={made}')
    made = getattr(prompt, 'embed_dims', None)
    for name, reader in (('fusion', model.fusion),
                         ('decode_head.pmqs',
                          getattr(model.decode_head, 'pmqs', None))):
        read = getattr(reader, 'prompt_dims', made)
        if made not in (None, read):
            raise ValueError(
                f'{type(prompt).__name__} gives object features of {made} '
                f'channels, but {name} takes {read}: set '
                f'{name}.prompt_dims={made}')


def load_pretrained(model: nn.Module) -> None:
    """Load what an ``init_cfg`` of type Pretrained names, if there is one."""
    configs = model.init_cfg or []
    if isinstance(configs, dict):
        configs = [configs]
    configs = [config for config in configs if config['type'] == 'Pretrained']
    if configs:
        initialize(model, configs)
