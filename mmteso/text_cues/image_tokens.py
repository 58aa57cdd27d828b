# Copyright (c) mmteso contributors. All rights reserved.
"""How many tokens of a prompt stand for an image, in LLaVA's family."""
import logging
from typing import Any, Dict

from mmengine.logging import print_log


def _model_settings(model: Any) -> Dict[str, Any]:
    """What a model says about the tokens that its processor has to count.

    Args:
        model (PreTrainedModel): One of LLaVA's family.

    Returns:
        dict: The processor's attributes that follow from the model.
    """
    import torch
    vision = model.config.vision_config
    base = model.base_model
    tower = base.image_tower if hasattr(base, 'image_tower') \
        else base.vision_tower
    size = vision.image_size
    # no config says whether there is a class token: CLIP has one, SigLIP none
    with torch.inference_mode():
        image = torch.zeros(
            1, 3, size, size, dtype=tower.dtype, device=tower.device)
        tokens = tower(image).last_hidden_state.shape[1]
    return dict(
        patch_size=vision.patch_size,
        num_additional_image_tokens=tokens - (size // vision.patch_size)**2,
        # VIP-LLaVA has no choice, it drops the class token
        vision_feature_select_strategy=getattr(
            model.config, 'vision_feature_select_strategy', 'default'))


def match_image_tokens(name: str, processor: Any, model: Any) -> None:
    """Have LLaVA's processor count an image's tokens as its model does.

    The processor puts as many tokens into the prompt as the model has
    features of the image, counted by ``patch_size``,
    ``num_additional_image_tokens`` and ``vision_feature_select_strategy``.
    Older versions of transformers didn't save these, and what is missing is
    loaded as None, or as 0 for the additional tokens. The model takes no
    other number than its own, so its settings replace the processor's, with
    a warning; other kinds of processors are left as they are.

    Args:
        name (str): The model, for the message.
        processor (ProcessorMixin): The processor; is changed.
        model (PreTrainedModel): The model, with weights.
    """
    if not all(
            hasattr(processor, setting)
            for setting in ('patch_size', 'num_additional_image_tokens',
                            'vision_feature_select_strategy')):
        return
    changes = []
    for setting, value in _model_settings(model).items():
        found = getattr(processor, setting)
        if found != value:
            setattr(processor, setting, value)
            changes.append(f'{setting}: {found!r} -> {value!r}')
    if changes:
        print_log(
            f'The processor of "{name}" counts the tokens of an image in '
            'another way than its model; taken from the model: '
            f'{", ".join(changes)}.',
            logger='current',
            level=logging.WARNING)
