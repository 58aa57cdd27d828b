# Copyright (c) mmteso contributors. All rights reserved.
from dataclasses import replace
from typing import Optional

from mmengine.structures import PixelData
from mmseg.models.decode_heads import Mask2FormerHead, MaskFormerHead
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList

from mmteso.structures import AudioTextPrompt, ImageMemory
from .audio_text_segmentor import AudioTextSegmentor, Inputs


@MODELS.register_module()
class LabelFilterSegmentor(AudioTextSegmentor):
    """Drops what is of no class that the cues name: the paper's baseline.

    The model segments semantically, all classes, prompted by the audio alone
    (``prompt_encoder=dict(type='AudioPrompt')``), and at test time
    predictions of a class that is not among the frame's cues are dropped. It
    tells how much of TeSO's gain a list of words alone would bring.

    Dropped pixels become background: the class maps S of the other classes
    are set to 0, and what they held is added to background's. Merely zeroing
    them would let whichever class is left win, however little of S it has;
    the paper doesn't say (ours). A score never rises, so a frame whose cues
    name no class, an empty list among them, comes out blank.

    Training is never filtered. Arguments are those of
    :class:`AudioTextSegmentor`; ``prompt_encoder`` is needed.

    Raises:
        TypeError: If the decode head has no class maps S, which can be added
            up, but logits.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.decode_head, (Mask2FormerHead, MaskFormerHead)):
            raise TypeError(
                "LabelFilterSegmentor needs a MaskFormer's or Mask2Former's "
                'head, whose class maps can be added up, but got '
                f'{type(self.decode_head).__name__}')

    def encode_prompt(self,
                      inputs: Inputs,
                      data_samples: OptSampleList = None) -> AudioTextPrompt:
        """As the base class, and keep ``cue_classes``, bool (B, C).

        They are read at test time only, from :class:`CuesToClasses`.
        """
        prompt = super().encode_prompt(inputs, data_samples)
        return replace(prompt, cue_classes=inputs.get('cue_classes'))

    def predict_prompt(self,
                       memory: ImageMemory,
                       prompt: Optional[AudioTextPrompt] = None,
                       data_samples: OptSampleList = None) -> SampleList:
        """As the base class, of the classes that the cues name.

        Raises:
            KeyError: If there are no ``cue_classes``.
            ValueError: If they are of another number of classes.
        """
        allowed = prompt.cue_classes
        if allowed is None:
            raise KeyError(
                "inputs lack 'cue_classes': put CuesToClasses after "
                'LoadTextCues in the pipelines of validation and test')
        if allowed.shape[1] != self.out_channels:
            raise ValueError(
                f'the model predicts {self.out_channels} classes, but '
                f"'cue_classes' tells of {allowed.shape[1]}: use "
                "task='semantic' and the data set's number of classes")
        samples = super().predict_prompt(memory, prompt, data_samples)
        for sample, dropped in zip(samples, ~allowed):
            dropped[0] = False  # background stays in any case
            maps = sample.seg_logits.data
            kept = maps.masked_fill(dropped[:, None, None], 0)
            kept[0] += maps[dropped].sum(0)
            sample.seg_logits = PixelData(data=kept)
            sample.pred_sem_seg = PixelData(data=kept.argmax(0, keepdim=True))
            sample.sounding_score = PixelData(data=self.sounding_score(kept))
        return samples
