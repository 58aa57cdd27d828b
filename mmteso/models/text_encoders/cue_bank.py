# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io import FeatureFile, normalize_phrase


@MODELS.register_module()
class CueBank(nn.Module):
    """Cue features that a text model computed once, looked up by phrase.

    A few hundred phrases make up all the cues of a data set, so each is
    encoded once by a large frozen text model (ImageBind in the paper) and the
    model itself is not needed for training or testing. The file is a feature
    file of the kind ``cue_bank``: see :mod:`mmteso.io.feature_file`.

    Args:
        bank_file (str): The file.
        expect (dict, optional): What its provenance must say, e.g.
            ``dict(encoder='imagebind_huge', dims=1024)``, so that the bank of
            another encoder can't be used by mistake. Defaults to None.

    Attributes:
        embed_dims (int): Length of the features, D.
    """

    def __init__(self, bank_file: str, expect: Optional[dict] = None) -> None:
        super().__init__()
        self.bank_file = bank_file
        self._bank = FeatureFile(bank_file,
                                 dict(expect or {}, kind='cue_bank'))
        self.embed_dims = self._bank.provenance.dims

    def forward(self, cues: Sequence[str]) -> Tensor:
        """Look cues up.

        Args:
            cues (Sequence[str]): The cues; case and the kind of separator
                don't matter.

        Returns:
            Tensor: float32, (len(cues), D), on the CPU.

        Raises:
            TypeError: If a single string is given instead of a sequence.
            KeyError: If a phrase is not in the bank.
        """
        if isinstance(cues, str):
            raise TypeError(
                f'A sequence of cues is expected, but got the string {cues!r}.'
            )
        phrases = [normalize_phrase(cue) for cue in cues]
        missing = [phrase for phrase in phrases if phrase not in self._bank]
        if missing:
            raise KeyError(
                f'The cue bank "{self.bank_file}" ({len(self._bank)} phrases, '
                f'encoded by {self._bank.provenance.encoder}) lacks {missing}.'
                ' Encode them and write the bank anew with '
                'mmteso.io.write_feature_file.')
        if not phrases:
            return torch.zeros(0, self.embed_dims)
        return torch.stack([self._bank[phrase].float() for phrase in phrases])

    def extra_repr(self) -> str:
        return f'bank_file={self.bank_file!r}'
