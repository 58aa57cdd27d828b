# Copyright (c) mmteso contributors. All rights reserved.
"""What one variant of SynthAVS consists of."""
from dataclasses import dataclass
from typing import List, Mapping, Sequence, Tuple

from mmteso.datasets.avsbench_meta import voc_palette
from .looks import Look
from .timbres import Timbre

#: The split whose videos each show an unseen class.
UNSEEN_SPLIT = 'test_unseen'


@dataclass(frozen=True)
class Variant:
    """Classes, quotas and chances of a variant. The code is common to all.

    Attributes:
        name (str): As ``generate_synthavs`` and the tool take it.
        prefix (str): What the clips' names begin with.
        classes (tuple[str]): Class names in index order, background first.
            No name contains ``_``, because ``a_obj`` joins names with it.
        looks (Mapping[str, Look]): Look by class.
        areas (tuple[float, float]): Least and greatest area of an object, as
            a share of the frame's.
        timbres (Mapping[str, Timbre]): Sound by class.
        train_priors (Mapping[str, float]): Probability that a visible object
            of a class sounds in a second of the training split, before
            conditioning on "something sounds"; 0.5 in the other splits.
            Classes that are visible in no split but ``test_unseen`` are left
            out.
        split_parts (Mapping[str, int]): Split -> relative number of videos.
        visible_percent (tuple[int, int, int]): Percent of the videos with 1,
            2 and 3 visible objects.
        object_rms (float): Root mean square of an object's sound before level
            jitter; full scale is 1. Three objects at the loudest level and
            the noise stay below full scale.
        ambient_db (tuple[float, float]): Least and greatest power of ambient
            noise in dB relative to an object's sound.
        ambient_everywhere (bool): Whether every sounding second carries
            ambient noise too, and not only every other silent one.
        floor_chance (float): Share of the clips with a noise floor of 60 to
            40 dB below an object under their sounding seconds.
        readme (str): Paragraph on the variant for ``README.txt``.
        composed_cues (bool): Whether the cue bank composes a class name's
            feature of its words' (:class:`HashTextEncoder`), so that text
            knows the parts of unseen combinations. Their entries then have a
            variance of 1, as ImageBind's nearly have: in vectors of length 1
            a new network's biases drown what tells the cues apart. Defaults
            to False.
    """
    name: str
    prefix: str
    classes: Tuple[str, ...]
    looks: Mapping[str, Look]
    areas: Tuple[float, float]
    timbres: Mapping[str, Timbre]
    train_priors: Mapping[str, float]
    split_parts: Mapping[str, int]
    visible_percent: Tuple[int, int, int]
    object_rms: float
    ambient_db: Tuple[float, float]
    ambient_everywhere: bool
    floor_chance: float
    readme: str
    composed_cues: bool = False

    @property
    def palette(self) -> List[List[int]]:
        """RGB colour of each class in ``labels_rgb``, in index order."""
        return voc_palette(len(self.classes))

    @property
    def seen(self) -> Tuple[str, ...]:
        """The classes of the training split, in index order."""
        return tuple(c for c in self.classes[1:] if c in self.train_priors)

    @property
    def unseen(self) -> Tuple[str, ...]:
        """The classes that are in ``test_unseen`` only."""
        return tuple(
            c for c in self.classes[1:] if c not in self.train_priors)

    def priors(self, names: Sequence[str], split: str) -> List[float]:
        """Probability that an object of each class sounds in a second of a
        split, before conditioning on "something sounds"."""
        return [
            self.train_priors[name] if split == 'train' else 0.5
            for name in names
        ]
