# Copyright (c) mmteso contributors. All rights reserved.
"""Data sets and transforms of audio-visual segmentation."""
from . import transforms
from .avsbench import AVSBenchDataset
from .avsbench_object import AVSBenchObjectDataset
from .avsbench_v3 import AVSBenchV3Dataset
from .base_avs_dataset import BaseAVSDataset
from .class_synonyms import (ClassSynonyms, SynonymError, check_synonyms,
                             choose_synonyms, load_class_synonyms,
                             read_synonyms)
from .clip_samplers import (ClipBatchSampler, ClipSampler,
                            InfiniteClipSampler)
from .data_check import DataReport, check_dataset, datasets_inside
from .transforms import frame_name

__all__ = [
    'AVSBenchDataset', 'AVSBenchObjectDataset', 'AVSBenchV3Dataset',
    'BaseAVSDataset', 'ClassSynonyms', 'ClipBatchSampler', 'ClipSampler',
    'DataReport', 'InfiniteClipSampler', 'SynonymError', 'check_dataset',
    'check_synonyms', 'choose_synonyms', 'datasets_inside', 'frame_name',
    'load_class_synonyms', 'read_synonyms', 'transforms'
]
