# Copyright (c) mmteso contributors. All rights reserved.
import logging
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from mmengine.logging import print_log
from mmengine.model import initialize
from mmengine.structures import PixelData
from mmseg.models.decode_heads import Mask2FormerHead, MaskFormerHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import (ConfigType, OptConfigType, OptSampleList, SampleList,
                         add_prefix)
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt, ImageMemory
from ..adapters import (BottleneckAdapter, freeze, inject_adapters,
                        resolve_modules, set_eval)
from ..decode_heads import TeSOHead
from ..prompting import AudioTextFusion, FusionLayer, at_least_float32
from ..prompting.fusion import levels_read
from .cached_audio import CachedAudioCheck

Inputs = Dict[str, Tensor]


@MODELS.register_module()
class AudioTextSegmentor(EncoderDecoder):
    """An encoder-decoder with sound and text cues as inputs (TeSO, paper 3).

    The sound is encoded (``audio_encoder``), given semantics by the cues
    (``prompt_encoder``, SeDAM with its dynamic mask) and handed as a prompt to
    decode heads that take one (``takes_prompt``, as :class:`TeSOHead`), and to
    a ``fusion``, which changes the features that any other head reads. Without
    a ``prompt_encoder`` it is mmseg's ``EncoderDecoder`` for such inputs.

    Several sounds, or several lists of cues, for the same images::

        memory = model.encode_image(inputs)
        for inputs in others:
            prompt = model.encode_prompt(inputs)
            samples = model.predict_prompt(memory, prompt)

    Args:
        backbone (dict): Config of the visual encoder.
        decode_head (dict): Config of the decode head.
        audio_encoder (dict, optional): Config of the audio encoder, which maps
            the input that its ``input_key`` names ('log_mel' if it has none)
            to F_A (B, D_a). Where ``inputs`` hold ``audio_feat``, cached
            features of this very encoder (:class:`LoadAudioFeatures`), it does
            not run. Defaults to None: ``inputs`` always hold them.
        prompt_encoder (dict, optional): Config of :class:`SeDAM`, or of what
            takes its place in an ablation. Defaults to None: no prompt.
        fusion (dict, optional): Config of :class:`AudioTextFusion`. Defaults
            to None: only heads that take a prompt get it.
        latent_loss (dict, optional): Config of :class:`LatentComponentLoss`.
            Defaults to None.
        cue_loss (dict, optional): Config of :class:`CueLoss` (ours). Needs
            ``gt_cues`` in the data samples. Defaults to None.
        adapters (dict, optional): Arguments of :func:`inject_adapters`.
            Defaults to None: no adapters.
        frozen (Sequence[str]): Paths of modules without gradient and always in
            eval mode; adapters inside them train. Defaults to ().
        **kwargs: See mmseg's ``EncoderDecoder``.

    Raises:
        ValueError: If a prompt is made and reaches no head, or is needed and
            not made, or the widths of two parts do not fit.
        TypeError: If an :class:`AudioTextFusion` is the ``neck``.
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
        for name, config in dict(
                audio_encoder=audio_encoder,
                prompt_encoder=prompt_encoder,
                fusion=fusion,
                latent_loss=latent_loss,
                cue_loss=cue_loss).items():
            setattr(self, name, config and MODELS.build(config))
        self._check_parts()
        if adapters is not None:
            inject_adapters(self, **adapters)
        self._frozen = resolve_modules(self, frozen)
        freeze(self._frozen)
        self._check_cached_audio = CachedAudioCheck()

    def _check_parts(self) -> None:
        """See that the parts fit together and that each has an effect."""
        head, pmqs = self.decode_head, getattr(self.decode_head, 'pmqs', None)
        if self.prompt_encoder is None and (self.fusion or self.latent_loss
                                            or self.cue_loss or pmqs):
            raise ValueError('pmqs of the decode head, fusion, latent_loss '
                             'and cue_loss need a prompt_encoder')
        if self.prompt_encoder and not self.fusion and not _takes_prompt(head):
            raise ValueError(
                f'{type(head).__name__} takes no prompt: a prompt_encoder '
                'would have no effect on its masks. Add a fusion '
                '(AudioTextFusion), or leave prompt_encoder out')
        for maker, reader, name in (
            (self.audio_encoder, self.prompt_encoder,
             'prompt_encoder.audio_dims'),
            (self.prompt_encoder, self.fusion, 'fusion.prompt_dims'),
            (self.prompt_encoder, pmqs, 'decode_head.pmqs.prompt_dims'),
            (self.prompt_encoder, getattr(head, 'fusion', None),
             'decode_head.fusion.prompt_dims')):
            made = getattr(maker, 'embed_dims', None)
            read = getattr(reader, name.split('.')[-1], made)
            if made is not None and read != made:
                raise ValueError(
                    f'{type(maker).__name__} makes features of {made} '
                    f'channels, but {name} is {read}: set {name}={made}')
        if isinstance(getattr(self, 'neck', None), AudioTextFusion):
            raise TypeError(
                'an AudioTextFusion needs a prompt, which a neck does not '
                'get: set it as `fusion` of AudioTextSegmentor')
        if not isinstance(self.fusion, AudioTextFusion):
            return
        heads = [head for _, head in self._named_heads()]
        read = levels_read(heads, len(self.fusion.in_channels))
        unread = sorted(set(self.fusion.levels) - read)
        if unread:
            # a warning: a head may read more than its in_index says
            print_log(
                f'AudioTextFusion changes levels {unread}, which no head '
                'reads by its in_index. Distributed training stops at layers '
                'that get no gradient: unless a head reads them all the same, '
                f'set fusion.levels={sorted(read)}',
                logger='current',
                level=logging.WARNING)

    def _named_heads(self) -> Iterator[Tuple[str, nn.Module]]:
        """All heads, under the names that mmseg gives their losses."""
        yield 'decode', self.decode_head
        auxiliary = getattr(self, 'auxiliary_head', None)
        if isinstance(auxiliary, nn.ModuleList):
            yield from ((f'aux_{i}', head) for i, head in enumerate(auxiliary))
        elif auxiliary is not None:
            yield 'aux', auxiliary

    def init_weights(self) -> None:
        """Initialise, then make adapters and fusion identities again: mmdet's
        heads re-initialise all their linear layers, as an ``init_cfg`` may.
        """
        was_init = self.is_init
        super().init_weights()
        if was_init:
            return
        for module in self.modules():
            if isinstance(module, (BottleneckAdapter, FusionLayer)):
                module.init_weights()
        # a checkpoint of this very model may hold trained ones
        configs = self.init_cfg or []
        configs = [configs] if isinstance(configs, dict) else configs
        configs = [cfg for cfg in configs if cfg['type'] == 'Pretrained']
        if configs:
            initialize(self, configs)

    def train(self, mode: bool = True) -> 'AudioTextSegmentor':
        """Set the mode; frozen modules stay in eval mode."""
        super().train(mode)
        set_eval(self._frozen)
        return self

    def encode_image(self, inputs: Inputs) -> ImageMemory:
        """Encode images as far as that does not depend on sound and text.

        Args:
            inputs (dict[str, Tensor]): With ``img`` (B, 3, H, W).

        Returns:
            ImageMemory: With ``test_cfg.mode='slide'`` of all crops.

        Raises:
            ValueError: If ``test_cfg.stride`` exceeds ``crop_size``.
        """
        images = inputs['img']
        batch_size, _, height, width = images.shape
        windows = [(slice(0, height), slice(0, width))]
        if self.test_cfg.get('mode', 'whole') == 'slide':
            windows = _crops((height, width), self.test_cfg)
        encoded = []
        for rows, columns in windows:
            x = self.extract_feat(images[:, :, rows, columns])
            # behind a fusion, what a head makes of them depends on the prompt
            if self.fusion is None and _takes_prompt(self.decode_head):
                x = self.decode_head.encode_image(x)
            encoded.append(x)
        return ImageMemory((batch_size, height, width), windows, encoded)

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
                ``audio_feat`` comes from, and to tell which frames are of one
                clip. Defaults to None: no check, and each is by itself.

        Returns:
            AudioTextPrompt | None: None without a ``prompt_encoder``.

        Raises:
            KeyError: If an input is missing.
            ValueError: If a feature is of another width or encoder than the
                model's, or the sound is there twice.
        """
        if self.prompt_encoder is None:
            return None
        reads = getattr(self.prompt_encoder, 'reads', ('audio', 'text'))
        encoder = self.audio_encoder
        key = getattr(encoder, 'input_key', 'log_mel')
        cached = encoder is None or 'audio_feat' in inputs
        needed = ['audio_feat' if cached else key] * ('audio' in reads)
        needed += ['text_feat', 'text_valid'] * ('text' in reads)
        missing = [name for name in needed if name not in inputs]
        if missing:
            raise KeyError(
                f'inputs lack {missing}; they have {sorted(inputs)}. Check '
                'audio_encoder, and the transforms before PackAVTInputs')
        audio, text = None, inputs.get('text_feat')
        if 'audio' in reads and not cached:
            audio = encoder(inputs[key])
        elif 'audio' in reads:
            audio = inputs['audio_feat']
            if encoder is not None and key in inputs:
                raise ValueError(
                    f"inputs hold the sound twice, {key!r} and 'audio_feat': "
                    f'leave out LoadAudioFeatures, or what makes {key}')
            if encoder is not None:
                self._check_cached_audio(encoder, data_samples)
        for name, feature in (('audio', audio), ('text', text)):
            width = getattr(self.prompt_encoder, f'{name}_dims', None)
            if name in reads and width not in (None, feature.shape[-1]):
                raise ValueError(
                    f'the {name} features have {feature.shape[-1]} channels, '
                    f'but prompt_encoder.{name}_dims is {width}: ' +
                    dict(audio='set it, or take the features of another file',
                         text='set it, or take another cue bank')[name])
        prompt_inputs = [audio, text, inputs.get('text_valid')]
        if 'clip' in reads:
            prompt_inputs.append(
                [{}] * len(inputs['text_valid']) if data_samples is None else
                [sample.metainfo for sample in data_samples])
        return self.prompt_encoder(*prompt_inputs)

    def fuse(self, x: Any, prompt: Optional[AudioTextPrompt]) -> Any:
        """Bring the prompt into features, if there is a fusion."""
        return x if self.fusion is None else self.fusion(x, prompt)

    def loss(self, inputs: Inputs, data_samples: SampleList) -> dict:
        """Losses of the heads, the latents and the cues (paper eq. 11).

        Args:
            inputs (dict[str, Tensor]): ``img`` (B, 3, H, W), and see
                :meth:`encode_prompt`.
            data_samples (list[SegDataSample]): With ``gt_sem_seg``, and
                ``gt_cues`` where a cue loss is configured.
        """
        x = self.extract_feat(inputs['img'])
        prompt = self.encode_prompt(inputs, data_samples)
        x = self.fuse(x, prompt)
        losses = dict()
        for name, head in self._named_heads():
            loss = head.loss(x, data_samples, self.train_cfg,
                             **_prompt_of(head, prompt))
            losses.update(add_prefix(loss, name))
        if self.latent_loss is not None:
            losses['loss_latent'] = self.latent_loss(
                self._made(prompt.latents, 'latent_loss'))
        if self.cue_loss is not None:
            if any('gt_cues' not in sample for sample in data_samples):
                raise KeyError(
                    "cue_loss needs 'gt_cues' in the data samples: set "
                    "cue_target to 'mask' or 'a_obj' in LoadTextCues of the "
                    'train pipeline')
            losses['loss_cue'] = self.cue_loss(
                self._made(prompt.scores, 'cue_loss'),
                torch.stack([sample.gt_cues.label for sample in data_samples]))
        return losses

    def _made(self, part: Optional[Tensor], loss: str) -> Tensor:
        """What a loss reads of the prompt; not all encoders make it."""
        if part is None:
            raise ValueError(f'{type(self.prompt_encoder).__name__} makes '
                             f'nothing for {loss}: set {loss}=None')
        return part

    def predict(self,
                inputs: Inputs,
                data_samples: OptSampleList = None) -> SampleList:
        """Segment what sounds: arguments of :meth:`loss`, results of
        :meth:`predict_prompt`.
        """
        return self.predict_prompt(
            self.encode_image(inputs),
            self.encode_prompt(inputs, data_samples), data_samples)

    def predict_prompt(self,
                       memory: ImageMemory,
                       prompt: Optional[AudioTextPrompt] = None,
                       data_samples: OptSampleList = None) -> SampleList:
        """Segment what sounds according to a prompt.

        Args:
            memory (ImageMemory): From :meth:`encode_image`; not changed.
            prompt (AudioTextPrompt, optional): From :meth:`encode_prompt`.
            data_samples (list[SegDataSample], optional): Metainfo of the
                frames; the results are written into them. Defaults to None.

        Returns:
            list[SegDataSample]: With ``seg_logits`` (C, H, W),
            ``pred_sem_seg`` (1, H, W), ``sounding_score`` (1, H, W) in [0, 1]
            (not with ``reduce_zero_label`` in the metainfo: a model without a
            background has none), and, where the prompt encoder scores cues,
            ``cue_scores`` (N_T) and ``cue_kept`` (N_T).
        """
        samples = self.postprocess_result(
            self._logits(memory, prompt, data_samples), data_samples)
        for i, sample in enumerate(samples):
            if not sample.get('reduce_zero_label'):
                sample.sounding_score = PixelData(
                    data=self.sounding_score(sample.seg_logits.data))
            if prompt is not None and prompt.scores is not None:
                sample.cue_scores = prompt.scores[i]
                sample.cue_kept = prompt.kept[i]
        return samples

    def _logits(self, memory: ImageMemory, prompt: Optional[AudioTextPrompt],
                data_samples: OptSampleList) -> Tensor:
        """(B, C, H, W), in float32 at least; a mean where windows overlap."""
        batch_size, *image_size = memory.shape
        metas = [dict(ori_shape=image_size)] * batch_size
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        total = count = None
        for (rows, columns), x in zip(memory.windows, memory.encoded):
            size = (rows.stop - rows.start, columns.stop - columns.start)
            # of the window: from these heads take the size of their output
            window = [
                dict(meta, img_shape=size, pad_shape=size) for meta in metas
            ]
            # metrics have 255 thresholds, and NumPy knows no bfloat16
            logits = at_least_float32(
                self.decode_head.predict(
                    self.fuse(x, prompt), window, self.test_cfg,
                    **_prompt_of(self.decode_head, prompt)))
            if len(memory.windows) == 1:
                return logits
            if total is None:
                total = logits.new_zeros(*logits.shape[:2], *image_size)
                count = logits.new_zeros(image_size)
            total[..., rows, columns] += logits
            count[rows, columns] += 1
        return total / count

    def test_sounds_step(self, batches: Sequence[dict]) -> List[SampleList]:
        """``test_step`` of batches that differ in their sound alone.

        The images are encoded once. The predictions are those of as many test
        steps, bit for bit on a CPU: each sound is decoded by itself, since
        products of larger matrices round differently, and Mask2Former's masked
        attention turns that into pixels seen or not seen.

        Args:
            batches (Sequence[dict]): From the dataloader, see
                :func:`split_conditions`.

        Returns:
            list[list[SegDataSample]]: See :meth:`predict_prompt`, by batch.
        """
        memory, results = None, []
        for batch in batches:
            data = self.data_preprocessor(batch, False)
            inputs, samples = data['inputs'], data['data_samples']
            memory = memory or self.encode_image(inputs)
            prompt = self.encode_prompt(inputs, samples)
            results.append(self.predict_prompt(memory, prompt, samples))
        return results

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

    def _forward(self,
                 inputs: Inputs,
                 data_samples: OptSampleList = None) -> Tensor:
        """Raw outputs of the decode head."""
        x = self.extract_feat(inputs['img'])
        prompt = self.encode_prompt(inputs, data_samples)
        return self.decode_head.forward(
            self.fuse(x, prompt), **_prompt_of(self.decode_head, prompt))


def _takes_prompt(head: nn.Module) -> bool:
    return getattr(head, 'takes_prompt', False)


def _prompt_of(head: nn.Module, prompt: Optional[AudioTextPrompt]) -> dict:
    """What a head's methods get beside mmseg's arguments."""
    return dict(prompt=prompt) if _takes_prompt(head) else {}


def _crops(size: Tuple[int, int],
           test_cfg: ConfigType) -> List[Tuple[slice, slice]]:
    """Rows and columns of overlapping crops; the last end with the image."""
    axes = []
    for length, crop, stride in zip(size, test_cfg.crop_size, test_cfg.stride):
        if stride > crop:
            raise ValueError(
                'test_cfg.stride must not exceed crop_size, but got '
                f'{test_cfg.stride} and {test_cfg.crop_size}')
        last = max(length - crop, 0)
        starts = {min(i, last) for i in range(0, last + stride, stride)}
        axes.append([slice(i, min(i + crop, length)) for i in sorted(starts)])
    return [(rows, columns) for rows in axes[0] for columns in axes[1]]
