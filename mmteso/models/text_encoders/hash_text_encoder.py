# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import math
from typing import Sequence

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io import Provenance, normalize_phrase


@MODELS.register_module()
class HashTextEncoder(nn.Module):
    """A fixed random direction per cue, computed from the cue's hash.

    No weights and no download: the cue banks of SynthAVS are made with it. It
    carries **no meaning**: the same cue always gets the same vector, and any
    two different cues are nearly orthogonal, 'dog' and 'puppy' as much as
    'dog' and 'violin'. A model trained on it knows the cues that it was
    trained with and no others.

    With ``compose`` a cue is the sum of its words' vectors, scaled as they
    are: phrases that share words are close, as in a trained text encoder.
    Single words still carry no meaning, and word order doesn't count.

    The vectors come from SHAKE-256 by integer arithmetic, so they are the
    same in every process and on every machine.

    Args:
        embed_dims (int): Length of the vectors. Few dimensions make unrelated
            cues overlap: the cosine of two has a standard deviation of
            ``embed_dims ** -0.5``. Defaults to 1024, as ImageBind's.
        normalize (bool): Whether to scale the vectors to length 1; otherwise
            their entries have a variance of 1. Defaults to True.
        seed (int): Chooses another set of vectors. Defaults to 0.
        compose (bool): Whether to add up the vectors of a cue's words.
            Defaults to False.
    """

    def __init__(self,
                 embed_dims: int = 1024,
                 normalize: bool = True,
                 seed: int = 0,
                 compose: bool = False) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.normalize = normalize
        self.seed = seed
        self.compose = compose

    def _encode(self, cue: str) -> np.ndarray:
        """(embed_dims,) in float64."""
        phrase = normalize_phrase(cue)
        words = phrase.split()
        if not self.compose or len(words) < 2:
            return self._draw(phrase)
        # fsum rounds once, so that word order changes no digit.
        vectors = zip(*[self._draw(word) for word in words])
        total = np.array([math.fsum(entries) for entries in vectors])
        if self.normalize:
            return total / math.sqrt(math.fsum(total**2))
        return total / math.sqrt(len(words))

    def _draw(self, phrase: str) -> np.ndarray:
        """A phrase's own vector, (embed_dims,) in float64."""
        name = f'{self.seed}:{phrase}'.encode()
        data = hashlib.shake_256(name).digest(4 * self.embed_dims)
        # Midpoints of 2 ** 32 steps across (-1, 1): never exactly 0, so the
        # length can't be 0 either.
        vector = (2 * np.frombuffer(data, '<u4').astype(np.float64) +
                  1) / 2**32 - 1
        if self.normalize:
            # fsum rounds once; np.sum's order depends on the CPU.
            return vector / math.sqrt(math.fsum(vector**2))
        return vector * math.sqrt(3)

    def forward(self, cues: Sequence[str]) -> Tensor:
        """Cues, however they are spelled, -> float32, (len(cues),
        embed_dims), on the CPU.
        """
        vectors = np.array([self._encode(cue) for cue in cues])
        return torch.from_numpy(
            vectors.reshape(len(cues), self.embed_dims).astype(np.float32))

    def provenance(self) -> Provenance:
        """What a cue bank of this encoder says: it has no weights' hash."""
        return Provenance(
            'cue_bank',
            type(self).__name__, '', self.embed_dims,
            dict(
                normalize=self.normalize,
                seed=self.seed,
                phrases='normalized',
                **(dict(compose=True) if self.compose else {})))
