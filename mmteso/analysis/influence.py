# Copyright (c) mmteso contributors. All rights reserved.
"""How far sound and text move what a model computes."""
from collections import defaultdict
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

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


class Influence(NamedTuple):
    """How far a stage moves when an input is another frame's.

    Attributes:
        stage (str): 'F_S', "F_Q'", 'fused features' or 'masks'.
        sound (float): Mean over frames of ``|x' - x| / |x|`` in percent, with
            the sound of another frame.
        text (float): The same with the cues of another frame.
    """
    stage: str
    sound: float
    text: float


@torch.no_grad()
def measure_influence(model: nn.Module,
                      inputs: Dict[str, Tensor],
                      data_samples: OptSampleList = None) -> List[Influence]:
    """Swap sound or text of a batch and compare what comes out.

    Args:
        model (AudioTextSegmentor): In eval mode, with a ``prompt_encoder``.
        inputs (dict[str, Tensor]): As for its ``predict``, at least two
            frames: each gets the sound, or the cues, of the one before it.
        data_samples (list[SegDataSample], optional): Metainfo of the frames.
            Defaults to None.

    Returns:
        list[Influence]: Of the stages that the model has, in order.

    Raises:
        ValueError: If there is one frame alone, or no prompt encoder.
    """
    if len(inputs['img']) < 2:
        raise ValueError('influence needs two frames or more: with one there '
                         'is no other sound to swap in')
    if model.prompt_encoder is None:
        raise ValueError('the model has no prompt_encoder: neither sound nor '
                         'text reach it')
    text = {'text_feat', 'text_valid'} & inputs.keys()
    sound = inputs.keys() - text - {'img'}
    original = _stages(model, inputs, data_samples)
    swapped = [
        _stages(
            model, {
                name: value.roll(1, 0) if name in names else value
                for name, value in inputs.items()
            }, data_samples) for names in (sound, text)
    ]
    return [
        Influence(stage, *(_change(value, other[stage]) for other in swapped))
        for stage, value in original.items()
    ]


def _stages(model: nn.Module, inputs: Dict[str, Tensor],
            data_samples: OptSampleList) -> Dict[str, Tensor]:
    """What each stage computes, (B, ...)."""
    reads = getattr(model.prompt_encoder, 'reads', ('audio', 'text'))
    valid = inputs.get('text_valid') if 'text' in reads else None
    with _recording(model, valid) as found:
        samples = model.predict(
            inputs, [sample.clone() for sample in data_samples]
            if data_samples else None)
    stages = {name: torch.cat(parts, 1) for name, parts in found.items()}
    # frames may differ in size
    scores = [sample.sounding_score.data.flatten() for sample in samples]
    stages['masks'] = nn.utils.rnn.pad_sequence(scores, batch_first=True)
    return stages


@contextmanager
def _recording(
        model: nn.Module,
        valid: Optional[Tensor]) -> Iterator[Dict[str, List[Tensor]]]:
    found: Dict[str, List[Tensor]] = defaultdict(list)
    modules = dict(model.named_modules())
    handles = [
        modules[path].register_forward_hook(
            _recorder(found[stage], valid))
        for path, stage in STAGES.items() if path in modules
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _recorder(parts: List[Tensor], valid: Optional[Tensor]):

    def record(module: nn.Module, args: tuple, output: Any) -> None:
        if isinstance(output, AudioTextPrompt):
            output = output.features
            if valid is not None and output.shape[:2] == valid.shape:
                # padding has features, but no say
                output = output * valid[..., None]
        tensors = output if isinstance(output, (tuple, list)) else [output]
        parts.extend(x.flatten(1).clone() for x in tensors)

    return record


def describe_prompt(prompt: AudioTextPrompt, valid: Tensor) -> str:
    """How alike a frame's latents are, and what the dynamic mask makes of it.

    Args:
        prompt (AudioTextPrompt): Of some frames; parts that an ablation lacks
            are left out.
        valid (Tensor): Which cues are real, bool (B, N_T).

    Returns:
        str: One line.
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


def _change(value: Tensor, other: Tensor) -> float:
    relative = (other - value).norm(dim=1) / value.norm(dim=1)
    return 100 * float(relative.mean())
