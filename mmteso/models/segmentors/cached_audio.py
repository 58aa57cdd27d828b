# Copyright (c) mmteso contributors. All rights reserved.
from mmseg.utils import OptSampleList
from torch import nn

from ..weights import state_sha256


class CachedAudioCheck:
    """Lets a model use cached audio features of its own encoder only.

    The first time that features of a file arrive, their provenance
    (``audio_provenance`` in the metainfo, from :class:`LoadAudioFeatures`) is
    compared with the encoder's name and weights: nothing else would show that
    they don't fit but a worse score.
    """

    def __init__(self) -> None:
        self._accepted = set()

    def __call__(self, encoder: nn.Module,
                 data_samples: OptSampleList) -> None:
        """Raise a ValueError if the features of a batch are not of this
        encoder, nothing says where they come from, or the encoder trains.
        """
        name = type(encoder).__name__
        if encoder.training and any(
                parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError(
                f"the audio encoder {name} trains, but 'audio_feat' is fixed: "
                'freeze it, or load the sound in place of LoadAudioFeatures')
        for sample in data_samples or ():
            found = sample.metainfo.get('audio_provenance')
            if found is None:
                raise ValueError(
                    "nothing says which encoder made 'audio_feat': load it "
                    "with LoadAudioFeatures, and keep 'audio_provenance' in "
                    'the meta_keys of PackAVTInputs')
            key = tuple(sorted(found.items()))
            if key in self._accepted:
                continue
            own, state = state_sha256(encoder), found['state_sha256']
            if found['encoder'] != name or (state or '') != own:
                made_by = 'unknown weights' if state is None else \
                    'other weights' if state != own else 'the same weights'
                raise ValueError(
                    f'"{found["file"]}" holds features of {found["encoder"]} '
                    f"with {made_by}, but the model's audio encoder is {name}:"
                    ' make it again by tools/extract_audio_features.py')
            self._accepted.add(key)
