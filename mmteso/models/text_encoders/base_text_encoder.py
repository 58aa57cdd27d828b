# Copyright (c) mmteso contributors. All rights reserved.
from abc import ABCMeta, abstractmethod
from typing import Sequence

import torch
from torch import Tensor, nn

from mmteso.io import Provenance, normalize_phrase

TEMPLATE = 'This is a {cue}.'


class BaseTextEncoder(nn.Module, metaclass=ABCMeta):
    """A frozen text model that encodes a cue as a sentence (paper 3.2).

    Subclasses set ``embed_dims`` and implement :meth:`encode` and
    :meth:`provenance`.

    Args:
        template (str): The sentence, with ``{cue}`` in the cue's place. The
            cue is put in as :func:`mmteso.io.normalize_phrase` writes it, so
            that two spellings of a cue have one vector.
            Defaults to 'This is a {cue}.' [paper].

    Attributes:
        embed_dims (int): Length of the vectors, D.
    """

    embed_dims: int

    def __init__(self, template: str = TEMPLATE) -> None:
        super().__init__()
        rest = template.replace('{cue}', '', 1)
        if '{cue}' not in template or '{' in rest or '}' in rest:
            raise ValueError('template must contain {cue} once and no other '
                             f'field, but got {template!r}.')
        self.template = template

    def freeze(self) -> None:
        """Switch gradients, and dropout, off for good."""
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> 'BaseTextEncoder':
        """Stay in eval mode whatever the runner asks for."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, cues: Sequence[str]) -> Tensor:
        """Cues, however they are spelled, -> float32, (len(cues), D), on the
        CPU.
        """
        if not cues:
            return torch.zeros(0, self.embed_dims)
        return self.encode([
            self.template.format(cue=normalize_phrase(cue)) for cue in cues
        ]).float().cpu()

    @abstractmethod
    def encode(self, sentences: Sequence[str]) -> Tensor:
        """n whole sentences, 1 or more, -> (n, D), on the model's device."""

    @abstractmethod
    def provenance(self) -> Provenance:
        """What a cue bank of this encoder says about its origin."""
