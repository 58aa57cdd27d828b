# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .frozen_model import FrozenTransformersModel

#: What a frame hears where none of its cues sounds [ours].
BACKGROUND = ('silence', 'background noise', 'white noise', 'static',
              'the sound of wind')


@MODELS.register_module()
class CLAPCueScorer(FrozenTransformersModel):
    """Tells by CLAP which cues sound, without training [ours].

    A cue's score is its probability in a softmax over the cue and the
    sentences of ``background``. Each cue stands there by itself: two that
    sound at a time don't take from each other, nor do two words for one
    thing, and their number and order don't matter. A frame that is not louder
    than ``silence_db`` scores 0 for all cues, whatever CLAP finds in silence.

    :class:`AudioToModelInput` of the same model and
    :class:`MeasureSoundLevel` make the input.

    Args:
        pretrained (str): CLAP, such as ``laion/clap-htsat-unfused``: a folder
            or an id on the Hugging Face Hub.
        template (str): The sentence of a cue. Defaults to
            'the sound of a {cue}'.
        background (Sequence[str]): Whole sentences of what is not a cue.
            Defaults to ``BACKGROUND``.
        threshold (float): A cue is kept if its score is greater. Defaults to
            0.5: it then fits better than all of the background together. Not
            tuned on real data.
        silence_db (float): dB over full scale up to which a frame is silent.
            Defaults to -60, as for :class:`ReplaceAudioWithOffScreen`.
        dtype (str): See :class:`FrozenTransformersModel`. Defaults to
            'float32'.

    Raises:
        ImportError, OSError, ValueError: See
            :class:`FrozenTransformersModel`; or the template has no
            ``{cue}``, or there is no background.
    """

    def __init__(self,
                 pretrained: str,
                 template: str = 'the sound of a {cue}',
                 background: Sequence[str] = BACKGROUND,
                 threshold: float = 0.5,
                 silence_db: float = -60.,
                 dtype: str = 'float32') -> None:
        if '{cue}' not in template or not background \
                or isinstance(background, str):
            raise ValueError(
                "template must hold '{cue}' and background one sentence or "
                f'more, but got {template!r} and {background!r}')
        super().__init__(pretrained, 'ClapModel', dtype)
        self.template = template
        self.background = tuple(background)
        self.threshold = threshold
        self.silence_db = silence_db
        self._texts: Dict[str, Tensor] = {}
        # DistributedDataParallel refuses a model without any
        self.model.logit_scale_a.requires_grad_(True)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._texts.clear()

    def embed_audio(self, audio_values: Tensor) -> Tensor:
        """Sounds (B, C, T, F) from :class:`AudioToModelInput` -> float32,
        (B, D), of length 1.
        """
        self.init_weights()
        model = self.model
        outputs = model.audio_model(
            input_features=audio_values.to(model.dtype),
            # Of a batch without clips of more than 10 s the extractor calls
            # one, drawn by chance, longer.
            is_longer=torch.zeros(
                len(audio_values), 1, dtype=torch.bool,
                device=audio_values.device))
        audio = model.audio_projection(outputs.pooler_output)
        return F.normalize(audio.float(), dim=-1)

    def _embed_texts(self, sentences: Sequence[str]) -> Tensor:
        """(n, D), of length 1; each sentence is embedded once."""
        self.init_weights()
        model = self.model
        for sentence in sentences:
            if sentence not in self._texts:
                outputs = model.text_model(**self.tokenize(sentence))
                text = model.text_projection(outputs.pooler_output)
                self._texts[sentence] = F.normalize(text.float(), dim=-1)
        return torch.cat([self._texts[sentence]
                          for sentence in sentences]).to(model.device)

    def logits(self, audio: Tensor, sentences: Sequence[str]) -> Tensor:
        """How well n sentences fit a sound (D), as CLAP scales it: (n)."""
        scale = self.model.logit_scale_a.float().exp()
        return scale * (self._embed_texts(sentences) @ audio)

    def cue_logits(self, audio: Tensor, cues: Sequence[str]) -> Tensor:
        """:meth:`logits` of cues, (n)."""
        return self.logits(audio,
                           [self.template.format(cue=cue) for cue in cues])

    def score(self, audio: Tensor, sound_level: Tensor,
              cues: Sequence[str]) -> Tensor:
        """Probability that each cue of a frame sounds.

        Args:
            audio (Tensor): From :meth:`embed_audio`, (D).
            sound_level (Tensor): dB over full scale, ().
            cues (Sequence[str]): The frame's n cues.

        Returns:
            Tensor: float32, (n), in [0, 1].
        """
        if not cues or sound_level <= self.silence_db:
            return audio.new_zeros(len(cues))
        others = self.logits(audio, self.background).logsumexp(0)
        return (self.cue_logits(audio, cues) - others).sigmoid()
