# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import Mask2FormerHead, MaskFormerHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import (ConfigType, OptConfigType, OptSampleList, SampleList,
                         add_prefix)
from torch import Tensor, nn

from ..adapters import (BottleneckAdapter, freeze, inject_adapters,
                        resolve_modules, set_eval)
from ..decode_heads import TeSOHead
from ..necks import FusionLayer, check_fusion
from ..precision import at_least_float32
from ..prompting import AudioTextPrompt
from .cached_audio import CachedAudioCheck
from .checks import check_widths, load_pretrained
from .prompted_heads import auxiliary_losses, prompt_kwargs, takes_prompt
from .sound_conditions import SoundConditionsMixin

Inputs = Dict[str, Tensor]


@MODELS.register_module()
class AudioTextSegmentor(SoundConditionsMixin, EncoderDecoder):
    """An encoder-decoder that listens and reads (TeSO, paper 3).

    mmseg's ``EncoderDecoder`` for inputs with sound and text cues. The sound
    is encoded (``audio_encoder``), given semantics by the cues
    (``prompt_encoder``, SeDAM with its dynamic mask) and handed as a prompt to
    decode heads that take one (``TeSOHead``), and to a ``fusion``, which
    tells any other head through its features. Without a ``prompt_encoder`` it
    is mmseg's ``EncoderDecoder`` for such inputs. Several sounds for one
    frame: :meth:`predict_conditions`.

    Args:
        backbone (dict): Config of the visual encoder.
        decode_head (dict): Config of the decode head.
        audio_encoder (dict, optional): Config of the audio encoder, which maps
            the input that its ``input_key`` names ('log_mel', (B, 1, 96, 64),
            if it has none) to F_A (B, D_a). Where ``inputs`` hold
            ``audio_feat``, cached features of this very encoder
            (:class:`LoadAudioFeatures`), it does not run. Defaults to None:
            ``inputs`` always hold ``audio_feat``.
        prompt_encoder (dict, optional): Config of :class:`SeDAM`, or of what
            stands in for it in an ablation. Defaults to None: no prompt.
        fusion (dict, optional): Config of :class:`AudioTextFusion`, which
            stands behind backbone and neck and before all heads. Defaults to
            None: only a head that takes a prompt hears.
        latent_loss (dict, optional): Config of :class:`LatentComponentLoss`.
            Defaults to None.
        cue_loss (dict, optional): Config of :class:`CueLoss` (ours). Needs
            ``gt_cues`` in the data samples. Defaults to None.
        adapters (dict, optional): Arguments of :func:`inject_adapters`.
            Defaults to None: no adapters.
        frozen (Sequence[str]): Paths of modules without gradient and always in
            eval mode; adapters inside them train. Defaults to ().
        **kwargs: See mmseg's ``EncoderDecoder``.
    """

    def __init__(self,
                 backbone: ConfigType,
                 decode_head: ConfigType,
                 audio_encoder: OptConfigType = None,
                 prompt_encoder: OptConfigType = None,
                 fusion: OptConfigType = None,
                 latent_loss: OptConfigType = None,
                 cue_loss: OptConfigType = None,
                 adapters: OptConfigType = None,
                 frozen: Sequence[str] = (),
                 **kwargs) -> None:
        super().__init__(backbone=backbone, decode_head=decode_head, **kwargs)
        if prompt_encoder is None and (fusion or latent_loss or cue_loss):
            raise ValueError(
                'fusion, latent_loss and cue_loss need a prompt_encoder')
        self.audio_encoder = _build(audio_encoder)
        self._check_cached_audio = CachedAudioCheck()
        self.prompt_encoder = _build(prompt_encoder)
        self.fusion = _build(fusion)
        check_widths(self)
        check_fusion(self)
        self.latent_loss = _build(latent_loss)
        self.cue_loss = _build(cue_loss)
        if adapters is not None:
            inject_adapters(self, **adapters)
        self._frozen = resolve_modules(self, frozen)
        freeze(self._frozen)
        if prompt_encoder is not None and fusion is None \
                and not takes_prompt(self.decode_head):
            raise ValueError(
                f'{type(self.decode_head).__name__} takes no prompt: a '
                'prompt_encoder would have no effect on its masks. Add a '
                'fusion (AudioTextFusion), use TeSOHead, or leave '
                'prompt_encoder out.')

    def init_weights(self) -> None:
        """Initialise, then make adapters and fusion identities again.

        The heads of mmdet re-initialise all their linear layers here, and an
        ``init_cfg`` may reach every linear layer. A second call changes
        nothing, as in every mmengine module: it must not undo what these
        layers have learnt.
        """
        was_init = self.is_init
        super().init_weights()
        if was_init:
            return
        for module in self.modules():
            if isinstance(module, (BottleneckAdapter, FusionLayer)):
                module.init_weights()
        # a checkpoint of this very model may hold trained ones
        load_pretrained(self)

    def train(self, mode: bool = True) -> 'AudioTextSegmentor':
        """Set the mode; frozen modules stay in eval mode."""
        super().train(mode)
        set_eval(self._frozen)
        return self

    def encode_prompt(
            self,
            inputs: Inputs,
            data_samples: OptSampleList = None) -> Optional[AudioTextPrompt]:
        """Encode sound and cues.

        Args:
            inputs (dict[str, Tensor]): What the audio encoder reads, e.g.
                ``log_mel`` (B, 1, 96, 64), or ``audio_feat`` (B, D_a);
                ``text_feat`` (B, N_T, D_t) and ``text_valid`` (B, N_T).
            data_samples (list[SegDataSample], optional): To check where
                ``audio_feat`` comes from. Defaults to None: no check.

        Returns:
            AudioTextPrompt | None: None without a ``prompt_encoder``.

        Raises:
            KeyError: If an input is missing.
            ValueError: If the sound is there twice, or ``audio_feat`` is not
                of the model's own encoder.
        """
        if self.prompt_encoder is None:
            return None
        audio = 'audio_feat'
        if self.audio_encoder is not None and audio not in inputs:
            audio = self._audio_key
        # an ablation may do without one of them
        reads = getattr(self.prompt_encoder, 'reads', ('audio', 'text'))
        needed = ['text_feat', 'text_valid'] * ('text' in reads)
        needed += [audio] * ('audio' in reads)
        missing = [name for name in needed if name not in inputs]
        if missing:
            raise KeyError(
                f'inputs lack {missing}; they have {sorted(inputs)}. Check '
                'the transforms before PackAVTInputs, and audio_encoder: with '
                f'this one the model takes {self._audio_key} (or audio_feat, '
                'cached), without one audio_feat.')
        feature = None
        if 'audio' in reads:
            feature = self._audio_feature(inputs, data_samples)
        return self.prompt_encoder(feature, inputs.get('text_feat'),
                                   inputs.get('text_valid'))

    @property
    def _audio_key(self) -> str:
        """Which of the inputs the audio encoder reads."""
        return getattr(self.audio_encoder, 'input_key', 'log_mel')

    def _audio_feature(self, inputs: Inputs,
                       data_samples: OptSampleList) -> Tensor:
        """F_A (B, D_a), encoded here or before."""
        if self.audio_encoder is None:
            return inputs['audio_feat']
        if 'audio_feat' not in inputs:
            return self.audio_encoder(inputs[self._audio_key])
        if self._audio_key in inputs:
            raise ValueError(
                f'inputs hold the sound twice, {self._audio_key!r} and '
                "'audio_feat', and only one can be heard: leave out "
                'LoadAudioFeatures, or the transforms that make '
                f'{self._audio_key}.')
        self._check_cached_audio(self.audio_encoder, data_samples)
        return inputs['audio_feat']

    def fuse(self, x: Any, prompt: Optional[AudioTextPrompt]) -> Any:
        """Tell features what sounds, if there is a fusion."""
        return x if self.fusion is None else self.fusion(x, prompt)

    def loss(self, inputs: Inputs, data_samples: SampleList) -> dict:
        """Losses of the heads, the latents and the cues (paper eq. 11).

        Args:
            inputs (dict[str, Tensor]): ``img`` (B, 3, H, W), and see
                :meth:`encode_prompt`.
            data_samples (list[SegDataSample]): With ``gt_sem_seg``, and
                ``gt_cues`` where a cue loss is configured.

        Returns:
            dict[str, Tensor]: Loss components.
        """
        x = self.extract_feat(inputs['img'])
        prompt = self.encode_prompt(inputs, data_samples)
        x = self.fuse(x, prompt)
        losses = add_prefix(
            self.decode_head.loss(x, data_samples, self.train_cfg,
                                  **prompt_kwargs(self.decode_head, prompt)),
            'decode')
        if self.with_auxiliary_head:
            losses.update(
                auxiliary_losses(self.auxiliary_head, x, data_samples,
                                 self.train_cfg, prompt))
        if self.latent_loss is not None:
            losses['loss_latent'] = self.latent_loss(
                self._part(prompt, 'latents', 'latent_loss'))
        if self.cue_loss is not None:
            losses['loss_cue'] = self.cue_loss(
                self._part(prompt, 'scores', 'cue_loss'),
                self._cue_targets(data_samples))
        return losses

    def _part(self, prompt: AudioTextPrompt, name: str, loss: str) -> Tensor:
        """What a loss reads of the prompt; not all prompt encoders have it."""
        part = getattr(prompt, name)
        if part is None:
            raise ValueError(
                f'{loss} needs the {name} of the prompt, and '
                f'{type(self.prompt_encoder).__name__} has none: set '
                f'{loss}=None')
        return part

    @staticmethod
    def _cue_targets(data_samples: SampleList) -> Tensor:
        if any('gt_cues' not in sample for sample in data_samples):
            raise KeyError(
                "cue_loss needs 'gt_cues' in the data samples: set cue_target "
                "to 'mask' or 'a_obj' in LoadTextCues of the train pipeline")
        return torch.stack([sample.gt_cues.label for sample in data_samples])

    def predict(self,
                inputs: Inputs,
                data_samples: OptSampleList = None) -> SampleList:
        """Segment what sounds.

        Args:
            inputs (dict[str, Tensor]): As for :meth:`loss`.
            data_samples (list[SegDataSample], optional): Metainfo of the
                frames; the results are written into them. Defaults to None.

        Returns:
            list[SegDataSample]: With ``seg_logits`` (C, H, W),
            ``pred_sem_seg`` (1, H, W), ``sounding_score`` (1, H, W) in [0, 1]
            (not with ``reduce_zero_label`` in the metainfo: a model without a
            background has none), and, where the prompt encoder scores cues,
            ``cue_scores`` (N_T) and ``cue_kept`` (N_T).
        """
        img = inputs['img']
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        else:
            size = tuple(img.shape[2:])
            metas = [dict(ori_shape=size, img_shape=size, pad_shape=size)
                     ] * len(img)
        prompt = self.encode_prompt(inputs, data_samples)
        # metrics have 255 thresholds, and NumPy knows no bfloat16
        seg_logits = at_least_float32(self.inference(img, metas, prompt))
        data_samples = self.postprocess_result(seg_logits, data_samples)
        for i, sample in enumerate(data_samples):
            if not sample.get('reduce_zero_label'):
                sample.sounding_score = PixelData(
                    data=self.sounding_score(sample.seg_logits.data))
            if prompt is not None and prompt.scores is not None:
                sample.cue_scores = prompt.scores[i]
                sample.cue_kept = prompt.kept[i]
        return data_samples

    def sounding_score(self, seg_logits: Tensor) -> Tensor:
        """Score of "a sounding object is here", for any kind of head.

        Args:
            seg_logits (Tensor): (C, H, W). With a single channel mmseg's
                post-processing has already applied the sigmoid.

        Returns:
            Tensor: (1, H, W) in [0, 1].
        """
        if isinstance(self.decode_head, (Mask2FormerHead, MaskFormerHead)):
            # no logits: sums over queries, with or without a prompt
            return TeSOHead.sounding_score(seg_logits)
        if len(seg_logits) == 1:
            return seg_logits
        return 1 - seg_logits.softmax(0)[:1]

    def inference(self,
                  inputs: Tensor,
                  batch_img_metas: List[dict],
                  prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Whole or slide inference, as ``test_cfg.mode`` says.

        Args:
            inputs (Tensor): Images, (B, 3, H, W).
            batch_img_metas (list[dict]): Metainfo of the frames.
            prompt (AudioTextPrompt, optional): What is heard.

        Returns:
            Tensor: Logits, (B, C, H, W).
        """
        mode = self.test_cfg.get('mode', 'whole')
        if mode == 'whole':
            return self.encode_decode(inputs, batch_img_metas, prompt)
        if mode == 'slide':
            return self.slide_inference(inputs, batch_img_metas, prompt)
        raise ValueError("test_cfg.mode must be 'whole' or 'slide', but got "
                         f'{mode!r}')

    def encode_decode(self,
                      inputs: Tensor,
                      batch_img_metas: List[dict],
                      prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Logits of images or crops, (B, C, H, W)."""
        x = self.fuse(self.image_features(inputs), prompt)
        return self.decode_head.predict(x, batch_img_metas, self.test_cfg,
                                        **prompt_kwargs(
                                            self.decode_head, prompt))

    def slide_inference(self,
                        inputs: Tensor,
                        batch_img_metas: List[dict],
                        prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Average the logits of overlapping crops.

        mmseg's own has no room for a prompt, and leaves ``pad_shape`` in the
        metainfo, from which Mask2Former takes the size of its output.

        Args:
            inputs (Tensor): Images, (B, 3, H, W).
            batch_img_metas (list[dict]): Metainfo of the frames.
            prompt (AudioTextPrompt, optional): What is heard; shared by all
                crops of a frame.

        Returns:
            Tensor: Logits, (B, C, H, W).

        Raises:
            ValueError: If ``test_cfg.stride`` exceeds ``crop_size``: pixels
                between the crops would have no logits.
        """
        (h_stride, w_stride), (h_crop, w_crop) = (self.test_cfg.stride,
                                                  self.test_cfg.crop_size)
        if h_stride > h_crop or w_stride > w_crop:
            raise ValueError(
                'test_cfg.stride must not exceed crop_size, but got '
                f'{self.test_cfg.stride} and {self.test_cfg.crop_size}')
        batch_size, _, height, width = inputs.shape
        logits = inputs.new_zeros(
            (batch_size, self.out_channels, height, width))
        count = inputs.new_zeros((1, 1, height, width))
        for top in _crop_starts(height, h_crop, h_stride):
            for left in _crop_starts(width, w_crop, w_stride):
                crop = inputs[:, :, top:top + h_crop, left:left + w_crop]
                size = tuple(crop.shape[2:])
                metas = [
                    dict(meta, img_shape=size, pad_shape=size)
                    for meta in batch_img_metas
                ]
                result = self.encode_decode(crop, metas, prompt)
                where = (..., slice(top, top + size[0]),
                         slice(left, left + size[1]))
                logits[where] += result
                count[where] += 1
        return logits / count

    def _forward(self,
                 inputs: Inputs,
                 data_samples: OptSampleList = None) -> Tensor:
        """Raw outputs of the decode head."""
        x = self.extract_feat(inputs['img'])
        prompt = self.encode_prompt(inputs, data_samples)
        return self.decode_head.forward(
            self.fuse(x, prompt), **prompt_kwargs(self.decode_head, prompt))


def _build(config: OptConfigType) -> Optional[nn.Module]:
    return MODELS.build(config) if config is not None else None


def _crop_starts(length: int, crop: int, stride: int) -> List[int]:
    """Where crops begin along an axis; the last one ends with the image."""
    last = max(length - crop, 0)
    return sorted(
        {min(start, last)
         for start in range(0, last + stride, stride)})
