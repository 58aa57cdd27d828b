# Copyright (c) mmteso contributors. All rights reserved.
"""Which frames to look at, and what a model makes of them."""
import copy
import math
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmteso.engine import (audio_condition_dataloader, strict_loading,
                           warn_of_other_config)
from mmteso.engine.sound_steps import dataset_configs, type_name
from mmteso.visualization import FrameRow

_IGNORE = 255
_BATCH = 4  # frames that a model sees at once

FrameKey = Tuple[str, str, int]


def masks_only(cfg: Config) -> BaseDataset:
    """The test set of a config without sound and text, which cost time.

    Args:
        cfg (Config): With ``test_dataloader``; not modified.

    Returns:
        BaseDataset: Its samples hold the frame and its masks.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset_cfg = copy.deepcopy(cfg.test_dataloader.dataset)
    for leaf in dataset_configs(dataset_cfg):
        leaf['pipeline'] = [
            transform for transform in leaf['pipeline']
            if type_name(transform) in ('LoadImageFromFile',
                                        'LoadAVSAnnotations', 'PackAVTInputs')
        ]
    return _build(dataset_cfg)


def _build(dataset_cfg: dict) -> BaseDataset:
    # no workers that would share the annotations in serialized form
    for leaf in dataset_configs(dataset_cfg):
        leaf['serialize_data'] = False
    return DATASETS.build(dataset_cfg)


def choose_frames(dataset: BaseDataset, count: int) -> List[int]:
    """Pick frames to look at, spread over the data set.

    Three quarters show some visible object that is silent while another one
    sounds (listening is needed), one is silent, the others are any. Where
    nothing tells which objects are silent (no ``gt_visible``, as in
    AVSBench), all but the silent one show something that sounds.

    Args:
        dataset (BaseDataset): With ``gt_sem_seg`` in its samples, and
            ``gt_visible`` where there is one.
        count (int): How many.

    Returns:
        list[int]: Indices into the data set, sorted.
    """
    kinds: Dict[str, List[int]] = dict(part=[], silent=[], whole=[])
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        sounding = _is_object(sample.gt_sem_seg.data)
        kind = 'whole'
        if 'gt_visible' in sample:
            mute = _is_object(sample.gt_visible.data) & ~sounding
            kind = 'part' if mute.any() else 'whole'
        kinds[kind if sounding.any() else 'silent'].append(index)
    part = math.ceil(3 * count / 4)
    silent = min(1, count - part)
    quota = dict(part=part, silent=silent, whole=count - part - silent)
    if not kinds['part']:
        quota['whole'] += quota.pop('part')
    return sorted(index for kind, number in quota.items()
                  for index in _spread(kinds[kind], number))


def _is_object(labels: torch.Tensor) -> torch.Tensor:
    return (labels > 0) & (labels != _IGNORE)


def _spread(indices: Sequence[int], count: int) -> List[int]:
    if count <= 0 or not indices:
        return []
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return [indices[int(place)] for place in places]


def frame_key(facts: Any) -> FrameKey:
    """What tells a frame from all others: (subset, uid, frame).

    Args:
        facts (dict or SegDataSample): An entry of a data set's annotations,
            or a sample.
    """
    return facts.get('subset'), facts.get('uid'), facts.get('frame')


def find_frames(dataset: BaseDataset, names: Sequence[str]) -> List[int]:
    """Find frames by name.

    Args:
        dataset (BaseDataset): One of ours.
        names (Sequence[str]): '{uid}:{frame}', or '{uid}' for a video's
            frame 0.

    Returns:
        list[int]: Indices into the data set, in the order of the names.

    Raises:
        ValueError: If a name is of no frame or, in a data set of several
            subsets, of more than one.
    """
    places: Dict[Tuple[str, str], List[int]] = {}
    for index in range(len(dataset)):
        _, uid, frame = frame_key(dataset.get_data_info(index))
        places.setdefault((uid, str(frame)), []).append(index)
    found = []
    for name in names:
        uid, _, frame = name.rpartition(':')
        if not uid:
            uid, frame = name, '0'
        here = places.get((uid, frame), [])
        if len(here) != 1:
            example = ':'.join(next(iter(places), ('UID', 'FRAME')))
            raise ValueError(
                f'expected {name!r} to be one frame of the test set, but it '
                f'is {len(here)}; the name of a frame is UID:FRAME, such as '
                f'{example}')
        found += here
    return found


def load_model(cfg: Config, checkpoint: str) -> nn.Module:
    """Build a segmentor with its weights, ready for testing.

    Args:
        cfg (Config): With ``model``.
        checkpoint (str): Weights. What the config changes in the
            computation since the training is logged as a warning.

    Returns:
        nn.Module: On the device that a runner would take.

    Raises:
        RuntimeError: If the checkpoint does not fit the model.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model)
    with strict_loading(model, checkpoint):
        loaded = load_checkpoint(
            model, checkpoint, map_location='cpu', strict=True)
    warn_of_other_config(loaded, cfg)
    return model.to(get_device()).eval()


def condition_datasets(cfg: Config,
                       conditions: Sequence[str],
                       reference: str = 'snr',
                       seed: int = 0,
                       **kwargs: Any) -> Dict[str, BaseDataset]:
    """The test set of a config under several audio conditions.

    Args:
        cfg (Config): With ``test_dataloader``; not modified.
        conditions (Sequence[str]): Names of audio conditions, see
            :func:`mmteso.engine.audio_condition_transform`.
        reference (str): What the noise's level refers to. Defaults to 'snr'.
        seed (int): Of the noise and of the off-screen clips. Defaults to 0.
        **kwargs: ``off_screen_groups`` of
            :func:`mmteso.engine.audio_conditions_dataloader`.

    Returns:
        dict[str, BaseDataset]: By condition.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    return {
        name: _build(
            audio_condition_dataloader(cfg.test_dataloader, name, reference,
                                       seed, **kwargs)['dataset'])
        for name in conditions
    }


def load_frames(dataset: BaseDataset,
                frames: Sequence[FrameKey]) -> List[dict]:
    """Load some frames of a data set.

    Args:
        dataset (BaseDataset): One of ours.
        frames (Sequence[FrameKey]): Which ones, see :func:`frame_key`.

    Returns:
        list[dict]: Their items, in the order of the keys.

    Raises:
        ValueError: If the data set lacks one of them.
    """
    places = {
        frame_key(dataset.get_data_info(index)): index
        for index in range(len(dataset))
    }
    missing = [key for key in frames if key not in places]
    if missing:
        raise ValueError(
            f'the test set lacks the frame(s) {missing}: models are compared '
            'on frames that all of their test sets have')
    return [dataset[places[key]] for key in frames]


def batches(items: Sequence[dict]) -> Iterator[dict]:
    """Items of a data set as batches that a model takes."""
    for start in range(0, len(items), _BATCH):
        yield pseudo_collate(items[start:start + _BATCH])


@torch.no_grad()
def predict(model: nn.Module, items: Sequence[dict]) -> List[SegDataSample]:
    """What a model makes of some frames, on the CPU.

    Args:
        model (nn.Module): From :func:`load_model`.
        items (Sequence[dict]): From :func:`load_frames`.

    Returns:
        list[SegDataSample]: With ``sounding_score`` (1, H, W).
    """
    return [
        sample.cpu() for batch in batches(items)
        for sample in model.test_step(batch)
    ]


def score_threshold(cfg: Config) -> float:
    """From which score on AVSMetric calls a pixel sounding, 0.5 without."""
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    for metric in evaluators:
        if type_name(metric) == 'AVSMetric':
            return metric.get('threshold', 0.5)
    return 0.5


def frame_picture(item: dict) -> np.ndarray:
    """The frame of an item at the size of its ground truth.

    Args:
        item (dict): ``inputs`` with ``img`` (3, h, w) BGR uint8 and
            ``data_samples`` with ``gt_sem_seg`` (1, H, W).

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).
    """
    image = item['inputs']['img'].numpy()[::-1].transpose(1, 2, 0)
    height, width = item['data_samples'].gt_sem_seg.data.shape[-2:]
    if image.shape[:2] != (height, width):
        image = mmcv.imresize(np.ascontiguousarray(image), (width, height))
    return image


def heard_sound(item: dict) -> Optional[np.ndarray]:
    """The log-mel spectrogram that an item lets a model hear.

    Args:
        item (dict): From a data set.

    Returns:
        np.ndarray | None: (time, mel); None if there is no ``log_mel`` in it,
        as with cached features and with other audio encoders, whose inputs
        have other scales.
    """
    log_mel = item['inputs'].get('log_mel')
    return None if log_mel is None else log_mel.squeeze(0).numpy()


def describe_frame(sample: SegDataSample) -> str:
    """Video, second and cues of a frame."""
    text = f'{sample.uid} t={sample.frame} s'
    cues = sample.get('text_cues')
    return f'{text}: {", ".join(cues)}' if cues else text


def condition_rows(cfg: Config,
                   model: nn.Module,
                   items: Dict[str, List[dict]],
                   sounds: bool = False) -> List[FrameRow]:
    """One row of masks per frame: ground truth, then the conditions.

    Args:
        cfg (Config): Of the model: for its metric's threshold.
        model (nn.Module): From :func:`load_model`.
        items (dict[str, list[dict]]): The same frames by audio condition.
        sounds (bool): Give the rows the sound that was heard. Defaults to
            False.

    Returns:
        list[FrameRow]: In the order of the frames.
    """
    threshold = score_threshold(cfg)
    scores = {
        name: [one.sounding_score.data[0] for one in predict(model, some)]
        for name, some in items.items()
    }
    rows = []
    for i, item in enumerate(next(iter(items.values()))):
        sample = item['data_samples']
        masks = {
            'ground truth': _is_object(sample.gt_sem_seg.data[0]).numpy()
        }
        heard, notes = {}, {}
        for name in items:
            masks[name] = scores[name][i].numpy() > threshold
            sound = heard_sound(items[name][i]) if sounds else None
            if sound is not None:
                heard[name] = sound
            donor = items[name][i]['data_samples'].get('off_screen_uid')
            if donor:
                notes[name] = f'sound of {donor}'
        rows.append(
            FrameRow(
                frame_picture(item), masks, describe_frame(sample), heard,
                notes))
    return rows
