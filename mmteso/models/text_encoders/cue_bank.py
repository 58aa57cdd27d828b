# Copyright (c) mmteso contributors. All rights reserved.
import shlex
from typing import Iterable, List, Optional, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io import FeatureFile, normalize_phrase

# Names in a message; the command adds all of them anyway.
_MAX_NAMED = 20
_TOOL = 'python tools/extract_text_features.py CONFIG'


class MissingPhrasesError(KeyError):
    """Cues that a bank has no features of."""

    def __str__(self) -> str:
        # KeyError's own escapes quotes, and the command is to be copied
        return str(self.args[0])


@MODELS.register_module()
class CueBank(nn.Module):
    """Cue features that a text model computed once, looked up by phrase.

    A few hundred phrases make up all the cues of a data set, so each is
    encoded once by a large frozen text model (ImageBind in the paper) and the
    model itself is not needed for training or testing. The file is a feature
    file of the kind ``cue_bank`` (see :mod:`mmteso.io.feature_file`), which
    ``tools/extract_text_features.py`` writes.

    Args:
        bank_file (str): The file.
        expect (dict, optional): What its provenance must say, e.g.
            ``dict(encoder='imagebind_huge', dims=1024)``, so that the bank of
            another encoder can't be used by mistake. Defaults to None.

    Attributes:
        embed_dims (int): Length of the features, D.

    Raises:
        FileNotFoundError: If there is no such file.
        FeatureFileError: If it isn't a cue bank, or not the expected one.
    """

    def __init__(self, bank_file: str, expect: Optional[dict] = None) -> None:
        super().__init__()
        self.bank_file = bank_file
        try:
            self._bank = FeatureFile(bank_file,
                                     dict(expect or {}, kind='cue_bank'))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'The cue bank "{bank_file}" does not exist. Write it: '
                f'{_TOOL} --cues CUE_FILE --out {shlex.quote(bank_file)} '
                '(CONFIG: one of configs/text_features/).') from error
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
            MissingPhrasesError: If a phrase is not in the bank.
        """
        if isinstance(cues, str):
            raise TypeError(
                f'A sequence of cues is expected, but got the string {cues!r}.'
            )
        phrases = [normalize_phrase(cue) for cue in cues]
        missing = self.missing(phrases)
        if missing:
            words = ' '.join(map(shlex.quote, missing))
            raise MissingPhrasesError(
                self._lacks(missing, f'--phrases {words}'))
        if not phrases:
            return torch.zeros(0, self.embed_dims)
        return torch.stack([self._bank[phrase].float() for phrase in phrases])

    def missing(self, cues: Iterable[str]) -> List[str]:
        """Cues that the bank has no features of.

        Args:
            cues (Iterable[str]): Cues.

        Returns:
            list[str]: Their phrases, normalized, each once, in order.
        """
        phrases = {normalize_phrase(cue) for cue in cues}
        return sorted(phrase for phrase in phrases if phrase not in self._bank)

    def check_cues(self, cues: Iterable[str], cue_file: str) -> None:
        """Refuse a cue file with cues that the bank has no features of.

        :class:`LoadTextCues` asks for it when it is built, so that training
        doesn't stop in the middle for a missing phrase.

        Args:
            cues (Iterable[str]): The file's cues.
            cue_file (str): Its path, for the message.

        Raises:
            MissingPhrasesError: If cues are missing, with their names and the
                command that adds them.
        """
        missing = self.missing(cues)
        if missing:
            raise MissingPhrasesError(
                f'"{cue_file}": ' +
                self._lacks(missing, f'--cues {shlex.quote(cue_file)}'))

    def _lacks(self, missing: Sequence[str], option: str) -> str:
        names = ', '.join(map(repr, missing[:_MAX_NAMED]))
        if len(missing) > _MAX_NAMED:
            names += f' and {len(missing) - _MAX_NAMED} more'
        encoder = self._bank.provenance.encoder
        return (f'the cue bank "{self.bank_file}" ({len(self._bank)} phrases, '
                f'encoded by {encoder}) lacks {len(missing)}: {names}. Add '
                f'them: {_TOOL} {option} --update --out '
                f'{shlex.quote(self.bank_file)} (CONFIG: the one of '
                f'configs/text_features/ for {encoder}).')

    def extra_repr(self) -> str:
        return f'bank_file={self.bank_file!r}'
