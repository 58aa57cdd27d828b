"""Data sets and transforms of audio-visual segmentation."""
from .avsbench import AVSBenchDataset
from .base_avs_dataset import BaseAVSDataset, MissingFile
from .transforms import *  # noqa: F401, F403

__all__ = ['AVSBenchDataset', 'BaseAVSDataset', 'MissingFile']
