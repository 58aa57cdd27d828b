# Copyright (c) mmteso contributors. All rights reserved.
"""What a training pipeline makes of frames, sound and cues."""
import os
import os.path as osp
from typing import Iterator, Optional

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, VISUALIZERS

from mmteso.engine.sound_steps import dataloader_of


def draw_dataset(cfg: Config,
                 output_dir: str,
                 split: str = 'train',
                 number: Optional[int] = None) -> Iterator[str]:
    """Draw the frames of a data set as they leave its pipeline.

    Args:
        cfg (Config): Of a run.
        output_dir (str): Folder for pictures with the painted ground truth,
            ``{index}_{subset}_{uid}_{frame}.png``, at the truth's size; made
            if needed. The index tells frames apart that a wrapper repeats.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        number (int, optional): How many frames, from the first on. Defaults
            to None: all.

    Yields:
        str: For each frame its picture, what sounds, the cues, and what the
        model gets.

    Raises:
        ValueError: If the config has no such split.
    """
    dataloader = dataloader_of(cfg, split)
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope', 'mmseg')):
        dataset = DATASETS.build(dataloader['dataset'])
        visualizer = VISUALIZERS.build(
            dict(
                type='SegLocalVisualizer',
                name=f'draw_dataset_{id(dataset)}',
                vis_backends=[],
                alpha=0.5))
    visualizer.dataset_meta = dataset.metainfo
    os.makedirs(output_dir, exist_ok=True)
    length = len(dataset)
    for index in range(length if number is None else min(number, length)):
        frame = dataset[index]
        inputs, sample = frame['inputs'], frame['data_samples']
        name = (f'{index}_{sample.subset}_{sample.uid}_{sample.frame}'
                '.png').replace('/', '_')
        image = np.ascontiguousarray(inputs['img'].permute(1, 2, 0).numpy())
        height, width = sample.gt_sem_seg.shape
        if image.shape[:2] != (height, width):
            # a test is scored at the size of the file
            image = mmcv.imresize(image, (width, height))
        visualizer.add_datasample(
            name,
            image[..., ::-1],
            data_sample=sample,
            draw_pred=False,
            out_file=osp.join(output_dir, name))
        heard = sample.get('frame_classes')
        if heard is None:
            heard = sample.get('a_obj', ())
        shapes = ', '.join(f'{key} {" x ".join(map(str, value.shape))}'
                           for key, value in inputs.items())
        yield (f'{name}: sounds {list(heard)}, cues '
               f'{sample.get("text_cues")}, {shapes}')
