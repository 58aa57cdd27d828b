# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from mmseg.registry import TRANSFORMS
from torch import Tensor
from torch.nn import functional as F

from mmteso.io import CueBank, CueFile, CueFileError, normalize_phrase
from mmteso.choices import check_choices
from mmteso.logs import warn
from ..class_synonyms import check_synonyms, load_class_synonyms
from .base import AVSTransform, frame_name


def open_cue_file(path: str) -> CueFile:
    """Read a cue file for training or testing, without the texts behind the
    cues. Frames whose generation failed are logged; if some have a caption
    only, it is a CueFileError."""
    cue_file = CueFile(path, cues_only=True)
    if cue_file.num_captioned:
        raise CueFileError(
            f'{cue_file.num_captioned} of {len(cue_file)} frames in "{path}" '
            'have a caption but were not reasoned about yet. Generate the '
            "cues from it: tools/generate_text_cues.py with captioner=dict("
            "type='FixedCaptions', ...).")
    if cue_file.num_failed:
        warn(f'Cue generation failed for {cue_file.num_failed} of '
             f'{len(cue_file)} frames in "{path}"; they have the cues that '
             'their records hold, mostly none.')
    return cue_file


def put_cues(results: dict,
             cues: List[str],
             num_cues: int,
             features: Optional[Tensor] = None) -> None:
    """Give a frame its cues and their features, (len(cues), D), if there are
    any, padded to ``num_cues``."""
    results['text_cues'] = cues
    results['text_valid'] = torch.arange(num_cues) < len(cues)
    if features is not None:
        results['text_feat'] = F.pad(features,
                                     (0, 0, 0, num_cues - len(cues)))


@TRANSFORMS.register_module()
class LoadTextCues(AVSTransform):
    """Load a frame's text cues and look their features up in a cue bank.

    Which files is said by the data set (``cue_file`` and ``cue_bank`` of
    :class:`BaseAVSDataset`), which also has them opened when it is built, so
    that cues without features are named before training starts.

    Required Keys:

    - uid (str), frame (int)
    - cue_file (str): Path of the cue file (:mod:`mmteso.io.cue_file`).
    - cue_bank (str | None): Path of the bank (:class:`mmteso.io.CueBank`);
      None for words alone, for a model that reads no text.
    - class_names (tuple[str]): Only with ``cue_target``.
    - frame_classes (tuple[str]): Only with ``cue_target='mask'``.
    - a_obj (tuple[str]): Only with ``cue_target='a_obj'``.

    Added Keys:

    - text_cues (list[str]): At most N_T cues.
    - text_valid (torch.Tensor): bool, (N_T), False for padding.
    - text_feat (torch.Tensor): With a bank. float32, (N_T, D), zero rows as
      padding.
    - cue_target (torch.Tensor): Only with ``cue_target``. float32, (N_T): 1
      if the cue's class sounds in the frame (if it means several, one of
      them), 0 if not, -1 for padding and for a cue that names none of the
      data set's classes.

    Args:
        num_cues (int): Number of cues N_T per frame; further ones are cut
            off. Defaults to 4.
        cue_target (str, optional): Where the truth for the cue loss comes
            from: 'mask', the classes in the frame's semantic mask as loaded
            (cropping later doesn't change it); 'a_obj', the video's label,
            weaker; None for no target. Defaults to None.
        synonyms (str, optional): Words for the classes, for ``cue_target``
            alone, since a language model's cues seldom equal class names
            ('person', 'ambulance'): see
            :func:`mmteso.datasets.load_class_synonyms`. Defaults to 'auto'.
    """

    def __init__(self,
                 num_cues: int = 4,
                 cue_target: Optional[str] = None,
                 synonyms: Optional[str] = 'auto') -> None:
        if num_cues < 1:
            raise ValueError(
                f'num_cues must be at least 1, but got {num_cues}.')
        check_choices(cue_target=(cue_target, (None, 'mask', 'a_obj')))
        check_synonyms(synonyms)  # complains here, not in a loader's worker
        self.num_cues = num_cues
        self.cue_target = cue_target
        self.synonyms = synonyms
        self._opened: Dict[tuple, Tuple[CueFile, Optional[CueBank]]] = {}

    def open(self, cue_file: str,
             cue_bank: Optional[str]) -> Tuple[CueFile, Optional[CueBank]]:
        """Open the files, each pair once, and see that they fit.

        A FileNotFoundError, CueFileError or FeatureFileError if one of them
        can't be read, a MissingPhrasesError if the bank lacks cues of the
        file.
        """
        if (cue_file, cue_bank) not in self._opened:
            cues, bank = open_cue_file(cue_file), None
            if cue_bank is not None:
                bank = CueBank(cue_bank)
                bank.check_cues({
                    cue
                    for record in cues.values()
                    for cue in record.cues[:self.num_cues]
                }, cue_file)
            self._opened[cue_file, cue_bank] = cues, bank
        return self._opened[cue_file, cue_bank]

    def look_up(self, results: dict) -> List[str]:
        """A frame's cues, at most N_T; KeyError if the file has no line for
        the frame."""
        cues, _ = self.open(results['cue_file'], results['cue_bank'])
        record = cues[results['uid'], results['frame']]
        return list(record.cues[:self.num_cues])

    def transform(self, results: dict) -> dict:
        cues = self.look_up(results)
        _, bank = self.open(results['cue_file'], results['cue_bank'])
        features = None if bank is None else bank.look_up(cues)
        put_cues(results, cues, self.num_cues, features)
        if self.cue_target is not None:
            results['cue_target'] = self._targets(cues, results)
        return results

    def _targets(self, cues: Sequence[str], results: dict) -> Tensor:
        """Whether the class that each cue means sounds, (N_T)."""
        key = dict(mask='frame_classes', a_obj='a_obj')[self.cue_target]
        if results.get('class_names') is None or results.get(key) is None:
            raise ValueError(
                f'cue_target={self.cue_target!r} needs classes, but '
                f'{frame_name(results)} has none in "class_names" or "{key}". '
                "With binary masks: cue_target='a_obj'; without classes: "
                "cue_target=None; 'mask' stands behind LoadAVSAnnotations.")
        lookup = load_class_synonyms(self.synonyms, results['class_names'])
        sounding = {normalize_phrase(name) for name in results[key]}
        targets = torch.full((self.num_cues, ), -1.)
        for index, cue in enumerate(cues):
            classes = set(map(normalize_phrase, lookup.classes_of(cue)))
            if classes:
                targets[index] = float(not sounding.isdisjoint(classes))
        return targets
