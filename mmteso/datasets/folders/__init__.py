# Copyright (c) mmteso contributors. All rights reserved.
"""Whole folders of data: checked, completed, converted, made from videos.

The data sets read the two layouts of AVSBench; this room looks after what lies
on disk in them, before a config names it.
"""
from .check import FolderReport, check_folder
from .layout import DataFolder, find_layout
from .repair import Repair, repair_folder
from .to_semantic import convert_to_semantic
from .videos import VideoConverter, read_video_labels

__all__ = [
    'DataFolder', 'FolderReport', 'Repair', 'VideoConverter', 'check_folder',
    'convert_to_semantic', 'find_layout', 'read_video_labels', 'repair_folder'
]
