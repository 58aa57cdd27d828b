# Copyright (c) mmteso contributors. All rights reserved.
"""Which frames to look at, and what models make of them."""
import math
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample
from torch import nn

from mmteso.engine import audio_conditions_dataloader
from mmteso.engine.sound_steps import dataset_configs, type_name
from mmteso.evaluation import reference_scores
from mmteso.visualization import PictureRow, overlay_mask

_IGNORE = 255
_BATCH = 4  # frames that a model sees at once


def build_test_set(cfg: Config,
                   condition: str = 'normal',
                   steps: Sequence[str] = (),
                   **sound: Any) -> BaseDataset:
    """The test set of a config under an audio condition.

    ``steps`` are the transforms to keep, by default all; ``sound`` is
    ``reference``, ``seed`` and ``off_screen_groups`` of
    :func:`mmteso.engine.audio_conditions_dataloader`.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = audio_conditions_dataloader(cfg.test_dataloader, [condition],
                                          **sound)['dataset']
    for leaf in dataset_configs(dataset):
        # no workers that would share the annotations in serialized form
        leaf['serialize_data'] = False
        leaf['pipeline'] = [
            step for step in leaf['pipeline']
            if not steps or type_name(step) in steps
        ]
    return DATASETS.build(dataset)


def masks_only(cfg: Config) -> BaseDataset:
    """The test set of a config without sound and text, which cost time."""
    return build_test_set(
        cfg,
        steps=('LoadImageFromFile', 'LoadAVSAnnotations', 'PackAVTInputs'))


def references(cfg: Config) -> Optional[Dict[str, Dict[str, float]]]:
    """Scores that need no model, see :func:`reference_scores`.

    None where no ``LoadAVSAnnotations(load_visible=True)`` tells what is
    visible.
    """
    for leaf in dataset_configs(cfg.test_dataloader.dataset):
        if not any(step.get('load_visible') for step in leaf['pipeline']):
            return None
    return reference_scores(masks_only(cfg))


def frame_name(facts: Any) -> str:
    """'{uid}:{frame}' of a sample or an entry of a data set's annotations."""
    return f'{facts.get("uid")}:{facts.get("frame")}'


def choose_frames(dataset: BaseDataset, count: int) -> List[str]:
    """Pick frames to look at, spread over the data set, by name.

    Three quarters show some visible object that is silent while another one
    sounds (listening is needed), one is silent, the others are any. Where
    nothing tells which objects are silent (no ``gt_visible``, as in
    AVSBench), all but the silent one show something that sounds.
    """
    kinds: Dict[str, List[tuple]] = dict(part=[], silent=[], whole=[])
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        sounding = is_object(sample.gt_sem_seg.data)
        kind = 'whole' if sounding.any() else 'silent'
        if kind == 'whole' and 'gt_visible' in sample and (
                is_object(sample.gt_visible.data) & ~sounding).any():
            kind = 'part'
        kinds[kind].append((index, frame_name(sample)))
    part = math.ceil(3 * count / 4)
    silent = min(1, count - part)
    quota = dict(part=part, silent=silent, whole=count - part - silent)
    if not kinds['part']:
        quota['whole'] += quota.pop('part')
    found = [
        frames[int(place)] for kind, number in quota.items()
        for frames in [kinds[kind]]
        for place in np.linspace(0, len(frames) - 1, min(number, len(frames)))
    ]
    return [name for _, name in sorted(found)]


def is_object(labels: torch.Tensor) -> torch.Tensor:
    """Where labels are neither background nor to be ignored."""
    return (labels > 0) & (labels != _IGNORE)


def load_frames(dataset: BaseDataset, names: Sequence[str]) -> List[dict]:
    """The items of some frames, in the order of their names."""
    places = {
        frame_name(dataset.get_data_info(index)): index
        for index in range(len(dataset))
    }
    missing = [name for name in names if name not in places]
    if missing:
        raise ValueError(
            f'the test set has no frame(s) {missing}; the name of a frame is '
            f'UID:FRAME, such as {next(iter(places))}. Models are compared on '
            'frames that all of their test sets have')
    return [dataset[places[name]] for name in names]


def batches(items: Sequence[dict]) -> Iterator[dict]:
    """Items of a data set as batches that a model takes."""
    for start in range(0, len(items), _BATCH):
        yield pseudo_collate(items[start:start + _BATCH])


def picture_of(item: dict) -> np.ndarray:
    """The frame of an item, RGB uint8 (H, W, 3), as large as its truth."""
    image = item['inputs']['img'].numpy()[::-1].transpose(1, 2, 0)
    height, width = item['data_samples'].gt_sem_seg.data.shape[-2:]
    return mmcv.imresize(np.ascontiguousarray(image), (width, height))


def truth_of(item: dict) -> np.ndarray:
    """Where something sounds in the frame of an item, bool (H, W)."""
    return is_object(item['data_samples'].gt_sem_seg.data[0]).numpy()


def label_of(sample: SegDataSample) -> str:
    """Video, second and cues of a frame."""
    text = f'{sample.uid} t={sample.frame} s'
    cues = sample.get('text_cues')
    return f'{text}: {", ".join(cues)}' if cues else text


@torch.no_grad()
def mask_rows(models: Mapping[str, nn.Module], frames: Sequence[str],
              conditions: Sequence[str], **sound: Any) -> List[PictureRow]:
    """Masks of models of :func:`mmteso.apis.init_model` under several sounds.

    A row per frame and model, with the log-mels that were heard above the
    first model's, and below each mask its IoU with the truth and whose sound
    it is, if not the frame's.
    """
    found: Dict[tuple, PictureRow] = {}
    for place, (name, model) in enumerate(models.items()):
        threshold = find_metric(model.cfg).get('threshold', 0.5)
        for condition in conditions:
            dataset = build_test_set(model.cfg, condition, **sound)
            items = load_frames(dataset, frames)
            samples = [
                sample.cpu() for batch in batches(items)
                for sample in model.test_step(batch)
            ]
            for i, (item, sample) in enumerate(zip(items, samples)):
                image, truth = picture_of(item), truth_of(item)
                row = found.setdefault(
                    (i, place),
                    PictureRow(
                        dict(
                            frame=image,
                            **{'ground truth': overlay_mask(image, truth)}),
                        label='\n'.join([name] * (len(models) > 1) +
                                        [label_of(sample)] * (place == 0))))
                mask = sample.sounding_score.data[0].numpy() > threshold
                row.pictures[condition] = overlay_mask(image, mask)
                row.notes[condition] = _agreement(mask, truth)
                donor = item['data_samples'].get('off_screen_uid')
                if place == 0 and donor:
                    row.notes[condition] += f'\nsound of {donor}'
                if place == 0 and 'log_mel' in item['inputs']:
                    sound_heard = item['inputs']['log_mel'][0]
                    row.sounds[condition] = sound_heard.numpy()
    return [found[key] for key in sorted(found)]


def find_metric(cfg: Config, name: str = 'AVSMetric') -> dict:
    """The config of a test's first metric of a type; empty without."""
    metrics = cfg.test_evaluator
    for metric in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        if type_name(metric) == name:
            return metric
    return {}


def _agreement(mask: np.ndarray, truth: np.ndarray) -> str:
    if not truth.any():
        return f'{100 * mask.mean():.0f} % of the frame'
    return f'IoU {100 * (mask & truth).sum() / (mask | truth).sum():.0f} %'
