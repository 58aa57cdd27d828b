# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Optional, Sequence, Union

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.utils import (ConfigType, OptConfigType, OptSampleList, SampleList)
from torch import Tensor

from mmteso.datasets import check_synonyms, load_class_synonyms
from mmteso.datasets.avsbench_meta import get_class_set
from mmteso.structures import CuePrompt, ImageMemory
from ..zero_shot.text_segmenter import NOTHING
from .audio_text_segmentor import AudioTextSegmentor, Inputs


@MODELS.register_module()
class ZeroShotAVS(BaseSegmentor):
    """Segments what sounds by public models alone, without training [ours].

    Of a frame's text cues those are kept that an audio-text model hears in
    its sound (``cue_scorer``), in the place of TeSO's trained dynamic mask;
    each of them is looked for in the picture by a text-prompted segmenter
    (``segmenter``). The masks' union is what sounds; in the semantic task each
    cue's mask has the cue's class.

    It is run as :class:`AudioTextSegmentor`, without a checkpoint, and several
    sounds for the same images likewise. ``seg_logits`` are 0 for background
    and, for what sounds or a class, the greatest logit of the masks of its
    cues, -20 where there is none. ``cue_scores`` say how sure it is that a cue
    sounds; they decide about masks and don't weigh them.

    Args:
        cue_scorer (dict): Config of :class:`CLAPCueScorer`.
        segmenter (dict): Config of :class:`CLIPSegSegmenter`,
            :class:`SAM3Segmenter` or :class:`GroundedSAMSegmenter`.
        classes (str | Sequence[str], optional): For the semantic task the
            data set's classes, background first: 'avsbench', names, or a file
            (:func:`mmteso.datasets.avsbench_meta.read_classes`). A cue that
            names none of them gets no mask; of several that it may mean
            ('person'), the one that CLAP hears most. Defaults to None: the
            binary task.
        synonyms (str, optional): Words for the classes, see
            :class:`CuesToClasses`. Defaults to 'auto'.
        data_preprocessor (dict, optional): Defaults to None: an
            :class:`AVTDataPreProcessor` that gives RGB from 0 to 255, which
            the models' own preprocessing starts from.
        train_cfg (dict, optional): Ignored, as nothing is trained.
        test_cfg (dict, optional): Ignored. Images are seen whole.
        init_cfg (dict, optional): A checkpoint of this very model. Defaults
            to None: the parts' own weights, read where they are first used.

    Raises:
        ValueError: If the data_preprocessor normalises images, or
            ``classes`` can't be those of a data set.
    """

    #: tools/test.py takes no checkpoint for it
    brings_weights = True

    def __init__(self,
                 cue_scorer: ConfigType,
                 segmenter: ConfigType,
                 classes: Union[str, Sequence[str], None] = None,
                 synonyms: Optional[str] = 'auto',
                 data_preprocessor: OptConfigType = None,
                 train_cfg: OptConfigType = None,
                 test_cfg: OptConfigType = None,
                 init_cfg: OptConfigType = None) -> None:
        preprocessor = data_preprocessor or dict(
            type='AVTDataPreProcessor', bgr_to_rgb=True)
        if preprocessor.get('mean') or not preprocessor.get('bgr_to_rgb'):
            raise ValueError(
                'the models of ZeroShotAVS normalise images themselves: its '
                'data_preprocessor must have bgr_to_rgb=True and no mean and '
                'std, as the default has')
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.align_corners = False
        self.cue_scorer = MODELS.build(cue_scorer)
        self.segmenter = MODELS.build(segmenter)
        self._lookup = None
        self.num_classes = self.out_channels = 2
        if classes is not None:
            names, _ = get_class_set(
                {} if classes == 'avsbench' else dict(classes=classes))
            check_synonyms(synonyms)
            self._lookup = load_class_synonyms(synonyms, names)
            self.num_classes = self.out_channels = len(names)

    @torch.no_grad()
    def encode_image(self, inputs: Inputs) -> ImageMemory:
        """Encode images (``img``, (B, 3, H, W), RGB from 0 to 255) once."""
        images = inputs['img']
        batch_size, _, height, width = images.shape
        return ImageMemory((batch_size, height, width),
                           [(slice(0, height), slice(0, width))],
                           [self.segmenter.encode_image(images)])

    @torch.no_grad()
    def encode_prompt(self, inputs: Inputs,
                      data_samples: SampleList) -> CuePrompt:
        """Tell which cues sound.

        Args:
            inputs (dict[str, Tensor]): ``audio_values`` (B, ...) and
                ``sound_level`` (B); ``text_valid`` (B, N_T), if it is there,
                says how many places ``scores`` have.
            data_samples (list[SegDataSample]): With ``text_cues`` in their
                metainfo.

        Raises:
            KeyError: If something is missing.
        """
        missing = [
            name for name in ('audio_values', 'sound_level')
            if name not in inputs
        ]
        missing += ['text_cues'] * any('text_cues' not in sample
                                       for sample in data_samples or [None])
        if missing:
            raise KeyError(
                f'the frames lack {missing}. ZeroShotAVS needs LoadAudioClip, '
                'AudioToModelInput, MeasureSoundLevel and LoadTextCues in the '
                'pipeline, and text_cues in the meta_keys of PackAVTInputs')
        cues = [list(sample.text_cues) for sample in data_samples]
        audio = self.cue_scorer.embed_audio(inputs['audio_values'])
        places = max(map(len, cues))
        if 'text_valid' in inputs:
            places = max(places, inputs['text_valid'].shape[1])
        scores = audio.new_zeros(len(cues), places)
        for row, sound, level, names in zip(scores, audio,
                                            inputs['sound_level'], cues):
            row[:len(names)] = self.cue_scorer.score(sound, level, names)
        labels = [[self._label(sound, cue) for cue in names]
                  for sound, names in zip(audio, cues)]
        return CuePrompt(cues, scores, scores > self.cue_scorer.threshold,
                         labels)

    def _label(self, sound: Tensor, cue: str) -> int:
        """The class of a cue; 0 if it names none."""
        if self._lookup is None:
            return 1
        names = self._lookup.classes_of(cue)
        if not names:
            return 0
        best = 0
        if len(names) > 1:
            best = int(self.cue_scorer.cue_logits(sound, names).argmax())
        return self._lookup.class_names.index(names[best])

    @torch.no_grad()
    def predict_prompt(self,
                       memory: ImageMemory,
                       prompt: CuePrompt,
                       data_samples: OptSampleList = None) -> SampleList:
        """Segment what sounds.

        Args:
            memory (ImageMemory): From :meth:`encode_image`; not changed.
            prompt (CuePrompt): From :meth:`encode_prompt`.
            data_samples (list[SegDataSample], optional): Metainfo of the
                frames; the results are written into them. Defaults to None.

        Returns:
            list[SegDataSample]: As of
            :meth:`AudioTextSegmentor.predict_prompt`.

        Raises:
            ValueError: If the data set ignores background
                (``reduce_zero_label``).
        """
        samples = self.postprocess_result(
            self._logits(memory, prompt), data_samples)
        for sample, scores, kept in zip(samples, prompt.scores, prompt.kept):
            if sample.get('reduce_zero_label'):
                raise ValueError(
                    'ZeroShotAVS predicts background, which the data set '
                    'ignores (reduce_zero_label=True)')
            sample.sounding_score = PixelData(
                data=self.sounding_score(sample.seg_logits.data))
            sample.cue_scores, sample.cue_kept = scores, kept
        return samples

    def _logits(self, memory: ImageMemory, prompt: CuePrompt) -> Tensor:
        """(B, C, H, W) in float32."""
        batch_size, *size = memory.shape
        logits = prompt.scores.new_full(
            (batch_size, self.num_classes, *size), NOTHING)
        logits[:, 0] = 0
        for i, (encoded, kept) in enumerate(
                zip(memory.encoded[0], prompt.kept.tolist())):
            for cue, keep, label in zip(prompt.cues[i], kept,
                                        prompt.labels[i]):
                if keep and label:
                    mask = self.segmenter.segment(encoded, cue, tuple(size))
                    logits[i, label] = torch.maximum(logits[i, label], mask)
        return logits

    @staticmethod
    def sounding_score(seg_logits: Tensor) -> Tensor:
        """Score of "a sounding object is here", that of the best class.

        (C, H, W), background first, -> (1, H, W) in [0, 1].
        """
        found = seg_logits[1:].amax(0, keepdim=True) - seg_logits[:1]
        # 0 where there is nothing, as softmax would give it
        return 1 - torch.sigmoid(-found)

    # the same steps for other prompts
    predict = AudioTextSegmentor.predict
    test_sounds_step = AudioTextSegmentor.test_sounds_step

    def encode_decode(self, inputs: Inputs,
                      batch_img_metas: List[dict]) -> Tensor:
        """Not available: mmseg's own inference knows no sound."""
        raise NotImplementedError(
            'ZeroShotAVS needs sound and cues: use predict')

    def extract_feat(self, inputs: Inputs) -> List:
        """What the segmenter makes of the images."""
        return self.encode_image(inputs).encoded[0]

    def loss(self, inputs: Inputs, data_samples: SampleList) -> dict:
        """Not available: nothing is trained."""
        raise NotImplementedError('ZeroShotAVS is not trained: test it')

    def _forward(self,
                 inputs: Inputs,
                 data_samples: OptSampleList = None) -> Tensor:
        """Logits (B, C, H, W)."""
        return self._logits(
            self.encode_image(inputs), self.encode_prompt(
                inputs, data_samples))
