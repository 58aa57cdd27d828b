# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmseg.registry import TRANSFORMS

from ..class_synonyms import check_synonyms, load_class_synonyms
from .base import AVSTransform, frame_name


@TRANSFORMS.register_module()
class CuesToClasses(AVSTransform):
    """Say which classes the cues name (for :class:`LabelFilterSegmentor`).

    A cue that names no class of the data set adds none; one that may mean
    several ('person') adds them all. A frame without cues, or whose cues name
    no class, has background alone.

    Required Keys:

    - text_cues (list[str]): From :class:`LoadTextCues`.
    - class_names (tuple[str]): Background first.
    - uid (str), frame (int): For messages.

    Added Keys:

    - cue_classes (torch.Tensor): bool, (num_classes). Background is always
      True.

    Args:
        synonyms (str, optional): Words for the classes, see
            :func:`mmteso.datasets.load_class_synonyms`. Defaults to 'auto'.

    Raises:
        FileNotFoundError, SynonymError: If the table is not there or wrong.
        KeyError: If the cues are missing.
        ValueError: If the data set has no class names, or ignores background
            (``reduce_zero_label``), which takes the place of dropped classes.
    """

    def __init__(self, synonyms: Optional[str] = 'auto') -> None:
        check_synonyms(synonyms)  # complains here, not in a loader's worker
        self.synonyms = synonyms

    def transform(self, results: dict) -> dict:
        where, names = frame_name(results), results.get('class_names')
        if names is None or results.get('reduce_zero_label'):
            raise ValueError(
                'CuesToClasses needs class names and background, which takes '
                'the place of classes that no cue names, but the data set of '
                f'{where} has {names} and reduce_zero_label='
                f'{results.get("reduce_zero_label")}.')
        lookup = load_class_synonyms(self.synonyms, names)
        named = {
            name
            for cue in results['text_cues'] for name in lookup.classes_of(cue)
        }
        results['cue_classes'] = torch.tensor(
            [True] + [name in named for name in names[1:]])
        return results
