# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList

from mmteso.models.segmentors.audio_text_segmentor import (AudioTextSegmentor,
                                                           Inputs)
from mmteso.models.segmentors.label_filter import LabelFilterSegmentor
from mmteso.structures import AudioTextPrompt


@MODELS.register_module()
class BAVSSegmentor(LabelFilterSegmentor):
    """Segments what is visible, then keeps what is heard (BAVS, Liu et al.).

    The head sees the picture alone and learns all visible objects with their
    classes: ``gt_visible`` where the data has it, else ``gt_sem_seg``. At
    test time classes that are not among the audio tags become background, as
    :class:`LabelFilterSegmentor` does it with cues.

    Arguments are those of :class:`LabelFilterSegmentor`; ``prompt_encoder``
    is a :class:`TagPrompt`.
    """

    def encode_prompt(
            self,
            inputs: Inputs,
            data_samples: OptSampleList = None) -> Optional[AudioTextPrompt]:
        """The tags; none in training, whose head doesn't listen."""
        if self.training:
            return None
        return AudioTextSegmentor.encode_prompt(self, inputs, data_samples)

    def loss(self, inputs: Inputs, data_samples: SampleList) -> dict:
        """Losses of the head and, if it is learned, of the tags.

        The samples have ``gt_sem_seg`` with classes (``task='semantic'``).
        """
        visible = []
        for sample in data_samples:
            if 'gt_visible' in sample:
                sounding, sample = sample, sample.clone()
                sample.gt_sem_seg = PixelData(data=sounding.gt_visible.data)
            visible.append(sample)
        losses = super().loss(inputs, visible)
        if self.prompt_encoder.classifier is not None:
            labels = torch.stack(
                [sample.gt_sem_seg.data for sample in data_samples]).flatten(1)
            classes = torch.arange(self.num_classes, device=labels.device)
            heard = (labels[..., None] == classes).any(1)
            heard[:, 0] = False  # background
            audio = inputs.get('audio_feat')
            if audio is None:
                audio = self.audio_encoder(
                    inputs[self.audio_encoder.input_key])
            # where all is to be ignored, nobody knows what sounds
            labelled = (labels != self.decode_head.ignore_index).any(1)
            losses['loss_tags'] = self.prompt_encoder.loss(
                audio, heard.float(), labelled)
        return losses
