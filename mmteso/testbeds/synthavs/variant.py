# Copyright (c) mmteso contributors. All rights reserved.
"""What one variant of SynthAVS consists of."""
from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence, Tuple

from ..quotas import BACKGROUND
from .looks import Look
from .timbres import Timbre

#: The split whose videos each show an unseen class.
UNSEEN_SPLIT = 'test_unseen'


@dataclass(frozen=True)
class Kind:
    """A class of objects."""
    look: Look
    timbre: Timbre
    # Probability that a visible one sounds in a second of train, before
    # conditioning on "something sounds"; 0.5 in the other splits. None if it
    # is visible in no split but test_unseen.
    prior: Optional[float]


@dataclass(frozen=True)
class Variant:
    """Classes, quotas and chances of a variant. The code is common to all."""
    name: str  # as generate_synthavs and the tool take it
    prefix: str  # of the clips' names
    # by name in index order; without '_', by which a_obj joins names
    kinds: Mapping[str, Kind]
    areas: Tuple[float, float]  # least and greatest of an object, of the frame
    split_parts: Mapping[str, int]  # relative numbers of videos
    visible_percent: Tuple[int, int, int]  # of videos with 1, 2, 3 objects
    # Root mean square of an object's sound before level jitter, of full scale.
    # Three objects at the loudest level and the noise stay below it.
    object_rms: float
    # least and greatest power of ambient noise in dB over an object's sound
    ambient_db: Tuple[float, float]
    # in every sounding second, too, not only in every other silent one
    ambient_everywhere: bool
    # share of the clips with a noise floor of 60 to 40 dB below an object
    # under their sounding seconds
    floor_chance: float
    readme: str  # paragraph on the variant
    # Whether the cue bank composes a name's feature of its words', so that
    # text knows the parts of unseen combinations. Their entries then have a
    # variance of 1, as ImageBind's nearly have: in vectors of length 1 a new
    # network's biases drown what tells the cues apart.
    composed_cues: bool = False

    @property
    def classes(self) -> Tuple[str, ...]:
        """Names in index order, background first."""
        return (BACKGROUND, *self.kinds)

    @property
    def seen(self) -> List[str]:
        """The classes of the training split, in index order."""
        return [c for c, kind in self.kinds.items() if kind.prior is not None]

    @property
    def unseen(self) -> List[str]:
        """The classes that are in ``test_unseen`` only."""
        return [c for c, kind in self.kinds.items() if kind.prior is None]

    def priors(self, names: Sequence[str], split: str) -> List[float]:
        """Probability that an object of each class sounds in a second of a
        split, before conditioning on "something sounds"."""
        return [
            self.kinds[name].prior if split == 'train' else 0.5
            for name in names
        ]
