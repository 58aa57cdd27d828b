# Copyright (c) mmteso contributors. All rights reserved.
from mmseg.utils import OptSampleList
from torch import nn

from ..state_hash import state_sha256


class CachedAudioCheck:
    """Lets a model use cached audio features of its own encoder only.

    Features of other weights fit no better than those of another encoder, and
    nothing would show it but a worse score. So the first time that features
    of a file arrive, their provenance (``audio_provenance`` in the metainfo,
    from :class:`LoadAudioFeatures`) is compared with the encoder's name and
    weights.
    """

    def __init__(self) -> None:
        self._accepted = set()

    def __call__(self, encoder: nn.Module,
                 data_samples: OptSampleList) -> None:
        """Check the frames of a batch.

        Args:
            encoder (nn.Module): The model's audio encoder.
            data_samples (list[SegDataSample], optional): The frames; None
                can't be checked and passes.

        Raises:
            ValueError: If the features are not of this encoder, if nothing
                says where they come from or (unless the encoder has none) of
                which weights, or if the encoder trains, so that features of
                its past would be used.
        """
        if encoder.training and any(
                parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError(
                f"the audio encoder {type(encoder).__name__} trains, but the "
                "batch holds 'audio_feat', cached features, which would stay "
                'as they are. Freeze the encoder, or read the sound with '
                'LoadAudioClip and what makes the encoder\'s input of it '
                '(AudioToLogMel, ...) in place of LoadAudioFeatures')
        for sample in data_samples or ():
            found = sample.metainfo.get('audio_provenance')
            if found is None:
                raise ValueError(
                    "the batch holds 'audio_feat', but nothing says which "
                    'encoder made it: load it with LoadAudioFeatures, and '
                    "keep 'audio_provenance' in the meta_keys of "
                    'PackAVTInputs')
            key = tuple(sorted(found.items()))
            if key not in self._accepted:
                self._compare(encoder, found)
                self._accepted.add(key)

    @staticmethod
    def _compare(encoder: nn.Module, found: dict) -> None:
        name, state = type(encoder).__name__, found['state_sha256']
        advice = ('Extract them with this encoder and these weights: python '
                  'tools/extract_audio_features.py CONFIG --out '
                  f'{found["file"]}')
        if found['encoder'] != name:
            raise ValueError(
                f'"{found["file"]}" holds features of {found["encoder"]}, but '
                f"the model's audio encoder is {name}. {advice}")
        own = state_sha256(encoder)
        if state is None and own:
            raise ValueError(
                f'"{found["file"]}" does not say which weights of {name} made '
                "its features ('state_sha256' in its settings), so they can't "
                f"be told from those of other weights. {advice}")
        if state is not None and state != own:
            raise ValueError(
                f'"{found["file"]}" holds features of {name} with other '
                f"weights than the model's audio encoder has. {advice}")
