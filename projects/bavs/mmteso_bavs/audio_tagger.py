# Copyright (c) mmteso contributors. All rights reserved.
import re
from typing import List, Optional, Sequence, Union

import torch
from mmseg.registry import MODELS
from torch import Tensor

from mmteso.datasets import load_class_synonyms
from mmteso.datasets.avsbench_meta import get_class_set
from mmteso.datasets.class_synonyms import (ClassSynonyms, SynonymTable,
                                            choose_synonyms)
from mmteso.io import normalize_phrase
from mmteso.models.weights import (TransformersPart, from_pretrained,
                                   load_part)
from mmteso.logs import warn
from mmteso.optional import require
from .audioset import SOUNDS_OF

_MEANT = {
    label: names
    for names, labels in SOUNDS_OF.items() for label in labels
}


def match_labels(labels: Sequence[str],
                 class_names: Sequence[str],
                 synonyms: Optional[str] = 'auto') -> List[List[int]]:
    """Which classes the labels of an audio classifier name.

    A label may hold several names, 'Ambulance (siren)' or 'Bus, coach'. Each
    means what the data set's synonyms say, and its last words count ('Acoustic
    guitar' is a guitar). Of AudioSet's labels that name a sound, such as
    'Bark' or 'Male singing', :data:`SOUNDS_OF` knows what makes it. A class of
    a label's very name comes before all that.

    Args:
        labels (Sequence[str]): E.g. AudioSet's.
        class_names (Sequence[str]): Background first.
        synonyms (str, optional): See :class:`mmteso.datasets.ClassSynonyms`.
            Defaults to 'auto'.

    Returns:
        list[list[int]]: Of each label the indices of its classes, [] if it
        names none.
    """
    if choose_synonyms(synonyms, class_names) is None:
        lookup = ClassSynonyms(class_names, SynonymTable({}))
    else:
        lookup = load_class_synonyms(synonyms, class_names)
    spelt = {normalize_phrase(name): name for name in class_names[1:]}
    result = []
    for label in labels:
        names = _MEANT.get(label, re.split(r'[,()]', label))
        found = {name for part in names for name in lookup.classes_of(part)}
        if normalize_phrase(label) in spelt:
            found = {spelt[normalize_phrase(label)]}
        result.append(sorted(map(list(class_names).index, found)))
    return result


@MODELS.register_module()
class AudioTagger(TransformersPart):
    """Which classes a frozen audio classifier of transformers hears.

    Any that ``AutoModelForAudioClassification`` knows and that tells of each
    label by itself, such as AST on AudioSet. :class:`AudioToModelInput` of
    the same model makes its input. The weights are read when training starts,
    all of them, and stay in the checkpoints that training writes.

    Args:
        pretrained (str): A folder, or an id on the Hugging Face Hub.
        classes (str | Sequence[str]): The data set's, background first:
            'avsbench', names, or a file (see
            :func:`mmteso.datasets.avsbench_meta.get_class_set`). Defaults to
            'avsbench'.
        synonyms (str, optional): See :func:`match_labels`. Defaults to
            'auto'.

    Attributes:
        embed_dims (int): The number of classes.

    Raises:
        ImportError: If transformers is not installed.
        OSError: If there is no such model.
        ValueError: If no label names a class, or the labels exclude each
            other.
    """

    input_key = 'audio_values'

    def __init__(self,
                 pretrained: str,
                 classes: Union[str, Sequence[str]] = 'avsbench',
                 synonyms: Optional[str] = 'auto') -> None:
        super().__init__()
        transformers = require('transformers', 'text')
        self.pretrained = pretrained
        config = transformers.AutoConfig.from_pretrained(pretrained)
        self._class = transformers.AutoModelForAudioClassification
        self.model = self._class.from_config(config).float()
        names, _ = get_class_set(
            {} if classes == 'avsbench' else dict(classes=classes))
        labels = [config.id2label[i] for i in range(config.num_labels)]
        self.matches = match_labels(labels, names, synonyms)
        if not any(self.matches):
            raise ValueError(
                f'no label of {pretrained!r} ({labels[:3]}, ...) names a '
                f'class ({list(names[1:4])}, ...)')
        if config.problem_type == 'single_label_classification':
            raise ValueError(
                f'{pretrained!r} gives one label a clip '
                '(problem_type="single_label_classification"); expected one '
                'that tells of each label by itself')
        unheard = [
            name for index, name in enumerate(names)
            if index and not any(index in found for found in self.matches)
        ]
        if unheard:
            warn(f'No label of {pretrained!r} names {", ".join(unheard)}: '
                 'their masks are never kept.')
        self.embed_dims = len(names)
        self.requires_grad_(False)
        self.eval()

    def init_weights(self) -> None:
        """Read the model's weights, all of them."""
        if not self.is_init:
            model = from_pretrained(self._class, self.pretrained)
            load_part(self.model, model.state_dict(), self.pretrained)
        self._is_init = True

    def train(self, mode: bool = True) -> 'AudioTagger':
        """Stay in eval mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, audio_values: Tensor) -> Tensor:
        """Clips (B, ...) -> by class the highest probability of a label that
        names it, (B, C); 0 where none does."""
        probabilities = self.model(audio_values).logits.sigmoid()
        scores = probabilities.new_zeros(len(probabilities), self.embed_dims)
        for label, classes in enumerate(self.matches):
            for index in classes:
                scores[:, index] = torch.maximum(scores[:, index],
                                                 probabilities[:, label])
        return scores
