# Copyright (c) mmteso contributors. All rights reserved.
"""Data sets and transforms of audio-visual segmentation."""
from . import transforms
from .avsbench import AVSBenchDataset
from .avsbench_object import AVSBenchObjectDataset
from .base_avs_dataset import BaseAVSDataset, MissingFile

__all__ = [
    'AVSBenchDataset', 'AVSBenchObjectDataset', 'BaseAVSDataset',
    'MissingFile', 'transforms'
]
