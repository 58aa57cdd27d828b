# Copyright (c) mmteso contributors. All rights reserved.
"""How far sound and text move what a model computes."""
from contextlib import ExitStack
from typing import Any, Dict, List, Tuple

import torch
from mmseg.utils import OptSampleList
from torch import Tensor, nn
from torch.nn import functional as F

from mmteso.models.prompting import AudioTextPrompt

#: Stages by their modules; the score of the masks comes last.
STAGES = {
    'prompt_encoder': 'F_S',
    'fusion': 'fused features',
    'decode_head.pmqs': "F_Q'"
}


@torch.no_grad()
def measure_influence(
        model: nn.Module,
        inputs: Dict[str, Tensor],
        data_samples: OptSampleList = None) -> Dict[str, Tuple[float, float]]:
    """Swap sound or text of a batch and compare what comes out.

    Of the inputs of a segmentor's ``predict`` each frame gets the sound, or
    the cues, of the one before it. Gives, by stage that the model has ('F_S',
    "F_Q'", 'fused features', 'masks'), the mean over frames of ``|x' - x| /
    |x|`` in percent, with another sound and with other cues.
    """
    if len(inputs['img']) < 2 or model.prompt_encoder is None:
        raise ValueError('influence needs two frames or more, to swap their '
                         'sound, and a model with a prompt_encoder')
    text = {'text_feat', 'text_valid'} & inputs.keys()
    original, *swapped = [
        _stages(
            model, {
                name: value.roll(1, 0) if name in names else value
                for name, value in inputs.items()
            }, data_samples)
        for names in ((), inputs.keys() - text - {'img'}, text)
    ]
    return {
        stage: tuple(
            100 * float(((other[stage] - value).norm(dim=1) /
                         value.norm(dim=1)).mean()) for other in swapped)
        for stage, value in original.items()
    }


def _stages(model: nn.Module, inputs: Dict[str, Tensor],
            data_samples: OptSampleList) -> Dict[str, Tensor]:
    """What each stage computes, (B, ...)."""
    reads = getattr(model.prompt_encoder, 'reads', ('audio', 'text'))
    valid = inputs.get('text_valid') if 'text' in reads else None
    found: Dict[str, List[Tensor]] = {}

    def record(stage: str, output: Any) -> None:
        if isinstance(output, AudioTextPrompt):
            output = output.features
            if valid is not None and output.shape[:2] == valid.shape:
                # padding has features that nothing attends to
                output = output * valid[..., None]
        tensors = output if isinstance(output, (tuple, list)) else [output]
        found.setdefault(stage, []).extend(
            x.flatten(1).clone() for x in tensors)

    with ExitStack() as stack:
        for path, module in model.named_modules():
            if path in STAGES:
                handle = module.register_forward_hook(
                    lambda _, args, output, stage=STAGES[path]: record(
                        stage, output))
                stack.callback(handle.remove)
        samples = model.predict(
            inputs, [sample.clone() for sample in data_samples]
            if data_samples else None)
    stages = {
        stage: torch.cat(found[stage], 1)
        for stage in STAGES.values() if stage in found
    }
    # frames may differ in size
    scores = [sample.sounding_score.data.flatten() for sample in samples]
    stages['masks'] = nn.utils.rnn.pad_sequence(scores, batch_first=True)
    return stages


def describe_prompt(prompt: AudioTextPrompt, valid: Tensor) -> str:
    """How alike a frame's latents are, and what the dynamic mask makes of it.

    Parts that an ablation lacks are left out. ``valid`` (B, N_T): which cues
    are real.
    """
    facts = []
    if prompt.latents is not None and prompt.latents.shape[1] > 1:
        unit = F.normalize(prompt.latents, dim=-1)
        cosines = unit @ unit.mT
        others = ~torch.eye(cosines.shape[-1], dtype=torch.bool)
        facts.append('mean cosine of two latents '
                     f'{float(cosines[:, others].mean()):.3f}')
    if prompt.scores is not None:
        scores = prompt.scores[valid]
        facts.append(f'scores {float(scores.mean()):.3f} ± '
                     f'{float(scores.std()):.3f}')
        facts.append(f'{int(prompt.kept.sum())} of {len(scores)} cues kept')
    return ', '.join(facts)
