# Copyright (c) mmteso contributors. All rights reserved.
import itertools
import logging
from typing import List, Optional, Sequence, Tuple, Union

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.registry import MODELS, TRANSFORMS
from torch import Tensor

from mmteso.io import CueFile, CueFileError, normalize_phrase
from ..class_synonyms import check_synonyms, load_class_synonyms

# Vectors of 4 kB; a generated cue file has some thousands of phrases.
_MAX_CACHED_PHRASES = 4096

CUE_TARGETS = (None, 'mask', 'a_obj')


def pad_cue_features(features: Tensor, num_cues: int) -> Tuple[Tensor, Tensor]:
    """Bring a frame's cue features to a fixed number of rows.

    Args:
        features (Tensor): (n, D), one row per cue; n may be 0.
        num_cues (int): Rows of the result, N_T. Further cues are cut off.

    Returns:
        tuple[Tensor, Tensor]: Features, float32 (N_T, D), zero rows where
        there is no cue, and which rows hold a cue, bool (N_T).
    """
    kept = features[:num_cues]
    padded = torch.zeros(num_cues, features.shape[1])
    padded[:len(kept)] = kept
    return padded, torch.arange(num_cues) < len(kept)


def cue_targets(cues: Sequence[str],
                sounding: Sequence[str],
                class_names: Sequence[str],
                num_cues: int,
                synonyms: Optional[str] = 'auto') -> Tensor:
    """Say for each cue whether its class sounds in the frame.

    A cue names a class if both are equal up to case and separators
    (:func:`mmteso.io.normalize_phrase`), and the classes that it means in
    ``synonyms``; if it means several ('person'), it sounds if one of them
    does.

    Args:
        cues (Sequence[str]): The frame's cues.
        sounding (Sequence[str]): Names of the classes that sound.
        class_names (Sequence[str]): All classes, background first.
        num_cues (int): Length of the result, N_T.
        synonyms (str, optional): 'avsbench', a file, 'auto' or None; see
            :func:`mmteso.datasets.load_class_synonyms`. Defaults to 'auto'.

    Returns:
        Tensor: float32, (N_T): 1 sounds, 0 doesn't, -1 to be ignored because
        there is no cue or it names no class (the background is none).
    """
    lookup = load_class_synonyms(synonyms, class_names)
    sounding = {normalize_phrase(name) for name in sounding}
    targets = torch.full((num_cues, ), -1.)
    for index, cue in enumerate(cues[:num_cues]):
        classes = {normalize_phrase(name) for name in lookup.classes_of(cue)}
        if classes:
            targets[index] = float(not sounding.isdisjoint(classes))
    return targets


def frame_cue_targets(results: dict,
                      cues: Sequence[str],
                      num_cues: int,
                      source: str,
                      synonyms: Optional[str] = 'auto') -> Tensor:
    """:func:`cue_targets` with the truth taken from the result dict.

    Args:
        results (dict): Result dict of the frame.
        cues (Sequence[str]): The frame's cues.
        num_cues (int): Length of the result, N_T.
        source (str): 'mask' (what the semantic mask shows in this frame) or
            'a_obj' (the video's label).
        synonyms (str, optional): See :func:`cue_targets`. Defaults to
            'auto'.

    Returns:
        Tensor: float32, (N_T).

    Raises:
        KeyError, ValueError: If the frame lacks what the source needs.
    """
    where = f'frame {results["frame"]} of "{results["uid"]}"'
    if results.get('class_names') is None:
        raise ValueError(
            f'cue_target={source!r} needs class names, but the data set of '
            f'{where} has none. Set cue_target=None.')
    key = dict(mask='frame_classes', a_obj='a_obj')[source]
    if key not in results:
        raise KeyError(
            f'cue_target={source!r} needs the key "{key}" of {where}. ' +
            ('Put LoadAVSAnnotations before this transform.' if source ==
             'mask' else 'The data set must give the video\'s labels.'))
    if results[key] is None:
        raise ValueError(
            f'cue_target={source!r} needs to know which classes sound in '
            f'{where}, but "{key}" is None' +
            (': its mask is binary. Use cue_target=\'a_obj\'.' if source ==
             'mask' else '.'))
    return cue_targets(cues, results[key], results['class_names'], num_cues,
                       synonyms)


def open_cue_file(path: str) -> CueFile:
    """Read a cue file for training or testing.

    Args:
        path (str): The file.

    Returns:
        CueFile: The cues, without the texts behind them. If generation
        failed for some frames, this is logged: they have no cues.

    Raises:
        CueFileError: If some frames have a caption only.
    """
    cue_file = CueFile(path, cues_only=True)
    if cue_file.num_captioned:
        raise CueFileError(
            f'{cue_file.num_captioned} of {len(cue_file)} frames in "{path}" '
            'have a caption but were not reasoned about yet. Generate the '
            "cues from it: tools/generate_text_cues.py with captioner=dict("
            "type='FixedCaptions', ...).")
    if cue_file.num_failed:
        print_log(
            f'Cue generation failed for {cue_file.num_failed} of '
            f'{len(cue_file)} frames in "{path}"; they have the cues that '
            'their records hold, mostly none.',
            logger='current',
            level=logging.WARNING)
    return cue_file


def check_cue_arguments(num_cues: int,
                        cue_target: Optional[str],
                        synonyms: Optional[str] = 'auto') -> None:
    """Refuse impossible arguments of a text transform."""
    if num_cues < 1:
        raise ValueError(f'num_cues must be at least 1, but got {num_cues}.')
    if cue_target not in CUE_TARGETS:
        raise ValueError(f'cue_target must be one of {CUE_TARGETS}, but got '
                         f'{cue_target!r}.')
    if synonyms not in (None, 'auto') and cue_target is None:
        raise ValueError(f'synonyms={synonyms!r} has no effect without '
                         'cue_target: the cues themselves stay.')
    check_synonyms(synonyms)  # complains here, not in a loader's worker


@TRANSFORMS.register_module()
class LoadTextCues(BaseTransform):
    """Load a frame's text cues and encode them.

    The encoder runs on the CPU in the loader's process, once per different
    phrase. That suits :class:`HashTextEncoder` and :class:`CueBank`, the
    features that a large text model computed once
    (``tools/extract_text_features.py``).

    Required Keys:

    - uid (str)
    - frame (int)
    - class_names (tuple[str]): Only with ``cue_target``.
    - frame_classes (tuple[str]): Only with ``cue_target='mask'``.
    - a_obj (tuple[str]): Only with ``cue_target='a_obj'``.

    Added Keys:

    - text_cues (list[str]): At most N_T cues.
    - text_feat (torch.Tensor): Only with a text encoder. float32, (N_T, D),
      zero rows as padding.
    - text_valid (torch.Tensor): Only with a text encoder. bool, (N_T), False
      for padding.
    - cue_target (torch.Tensor): Only with ``cue_target``. float32, (N_T): 1
      if the cue's class sounds in the frame, 0 if not, -1 for padding and
      for a cue that names none of the data set's classes.

    Args:
        cue_file (str): The cue file (see :mod:`mmteso.io.cue_file`).
        text_encoder (dict | Callable, optional): Config of the text encoder,
            or the encoder: maps a list of n cues to a tensor (n, D) and has
            the attribute ``embed_dims`` (D). One that can't encode every cue
            has a method ``check_cues(cues, cue_file)``, as :class:`CueBank`;
            it is called once, with the different cues of all frames. Defaults
            to None: words alone, for a model that reads none
            (:class:`CuesToClasses`).
        num_cues (int): Number of cues N_T per frame; further ones are cut
            off. Defaults to 4.
        cue_target (str, optional): Where the truth for the cue loss comes
            from: 'mask', the classes in the frame's semantic mask as loaded
            (cropping later doesn't change it); 'a_obj', the video's label,
            weaker; None for no target. Defaults to None.
        synonyms (str, optional): Words for the classes, for ``cue_target``
            alone, since a language model's cues seldom equal class names
            ('person', 'ambulance') and a cue that names no class has no
            target: 'auto', AVSBench's table for AVSBench's classes, else
            none; 'avsbench'; a file of your own, see
            :func:`mmteso.datasets.read_synonyms`; or None, names only.
            Defaults to 'auto'.
    """

    def __init__(self,
                 cue_file: str,
                 text_encoder: Union[dict, object, None] = None,
                 num_cues: int = 4,
                 cue_target: Optional[str] = None,
                 synonyms: Optional[str] = 'auto') -> None:
        check_cue_arguments(num_cues, cue_target, synonyms)
        self.cue_file = cue_file
        self.num_cues = num_cues
        self.cue_target = cue_target
        self.synonyms = synonyms
        if isinstance(text_encoder, dict):
            text_encoder = MODELS.build(text_encoder)
        self.text_encoder = text_encoder
        self._cues = open_cue_file(cue_file)
        self._cache = {}
        check_cues = getattr(text_encoder, 'check_cues', None)
        if check_cues is not None:
            used = (record.cues[:num_cues] for record in self._cues.values())
            # half a million cues, of which few are different
            check_cues(set(itertools.chain.from_iterable(used)), cue_file)

    def _encode(self, cue: str) -> Tensor:
        """(D,)"""
        if cue in self._cache:
            return self._cache[cue]
        with torch.no_grad():
            feature = self.text_encoder([cue]).float()
        expected = (1, self.text_encoder.embed_dims)
        if tuple(feature.shape) != expected:
            raise ValueError(
                f'{type(self.text_encoder).__name__} must map one cue to '
                f'{expected}, but gave {tuple(feature.shape)}.')
        if len(self._cache) < _MAX_CACHED_PHRASES:
            self._cache[cue] = feature[0]
        return feature[0]

    def look_up(self, results: dict) -> List[str]:
        """A frame's cues, without encoding them.

        Args:
            results (dict): Result dict.

        Returns:
            list[str]: At most N_T cues.

        Raises:
            KeyError: If the file has no line for the frame.
        """
        record = self._cues[results['uid'], results['frame']]
        return list(record.cues[:self.num_cues])

    def transform(self, results: dict) -> dict:
        """Load and encode the cues.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with cues and features.
        """
        cues = self.look_up(results)
        results['text_cues'] = cues
        if self.text_encoder is not None:
            features = torch.zeros(len(cues), self.text_encoder.embed_dims)
            for row, cue in zip(features, cues):
                row.copy_(self._encode(cue))
            results['text_feat'], results['text_valid'] = pad_cue_features(
                features, self.num_cues)
        if self.cue_target is not None:
            results['cue_target'] = frame_cue_targets(
                results, cues, self.num_cues, self.cue_target, self.synonyms)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(cue_file={self.cue_file!r}, '
                f'text_encoder={self.text_encoder!r}, '
                f'num_cues={self.num_cues}, cue_target={self.cue_target!r}, '
                f'synonyms={self.synonyms!r})')
