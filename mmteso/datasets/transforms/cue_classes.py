# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmseg.registry import TRANSFORMS

from ..class_synonyms import check_synonyms, load_class_synonyms
from .base import AVSTransform


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
        synonyms (str, optional): Words for the classes, since a language
            model's cues seldom equal their names: 'auto', AVSBench's table
            for AVSBench's classes, else none; 'avsbench'; a file of your own,
            see :func:`mmteso.datasets.read_synonyms`; or None: a cue names a
            class if both are equal up to case and separators. Defaults to
            'auto'.

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
        """Look the cues up."""
        where = f'frame {results["frame"]} of "{results["uid"]}"'
        names = results.get('class_names')
        if names is None:
            raise ValueError(f'CuesToClasses needs class names, but the data '
                             f'set of {where} has none.')
        if results.get('reduce_zero_label'):
            raise ValueError(
                'CuesToClasses needs background, which takes the place of the '
                f'classes that no cue names, but the data set of {where} has '
                'reduce_zero_label=True.')
        lookup = load_class_synonyms(self.synonyms, names)
        named = {
            name
            for cue in results['text_cues'] for name in lookup.classes_of(cue)
        }
        results['cue_classes'] = torch.tensor(
            [True] + [name in named for name in names[1:]])
        return results
