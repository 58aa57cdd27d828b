# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import ConfigType, SampleList
from torch import Tensor

from mmteso.structures import AudioTextPrompt
from ..prompting import at_least_float32
from .batched_mask2former_head import BatchedMask2FormerHead

# Elements of the masks that are brought to the size of the image at a time:
# 4 MB, which stay in a CPU's cache. All 100 at 384 x 384 would be 59 MB,
# several times over.
_MASK_CHUNK = 2**20


class Mask2FormerMemory(NamedTuple):
    """What a Mask2Former decoder reads of an image, whatever the prompt.

    Attributes:
        mask_features (Tensor): Per-pixel embeddings, (B, C, H/4, W/4).
        keys (list[Tensor]): Flattened levels, low to high resolution, each
            (B, h_i * w_i, C), with their level embedding.
        key_pos (list[Tensor]): Their positional encodings, same shapes.
        sizes (list[tuple[int, int]]): (h_i, w_i) of each level.
        level_features (list[Tensor]): ``mask_features`` at the sizes of the
            levels, (B, C, h_i, w_i); none in training.
    """
    mask_features: Tensor
    keys: List[Tensor]
    key_pos: List[Tensor]
    sizes: List[Tuple[int, int]]
    level_features: List[Tensor]


def _not_all(hidden: Tensor) -> Tensor:
    """A query that sees no pixel at all would attend to nothing: let it see
    all of them."""
    return hidden & ~hidden.all(-1, keepdim=True)


@MODELS.register_module()
class TeSOHead(BatchedMask2FormerHead):
    """Mask2Former whose mask queries are prompted by sound and text.

    mmseg's Mask2Former head plus PMQS (paper 3.4): the learned query features
    attend to the sounding object features before they enter the *unchanged*
    decoder; the queries' positional embeddings stay. Without a prompt and
    without ``pmqs`` it computes exactly what the stock head computes.

    Further differences, besides the losses' (:class:`BatchedMask2FormerHead`):
    the forward pass is split into :meth:`encode_image` and :meth:`decode`, so
    that several sounds can share one image; :meth:`predict` leaves out what
    the layers before the last would predict, and sums S over a few queries at
    a time, both of which is faster and may round the last digits differently.

    Args:
        pmqs (dict, optional): Config of :class:`PMQS`. Defaults to None: the
            queries stay as they are, and sound has no effect.
        targets (str): The ground-truth masks of a frame (paper: not given).
            'label': one for each label of ``gt_sem_seg``, as in mmseg; in the
            binary task everything that sounds is a single mask. 'class'
            (ours), for the binary task: one for each class that sounds, all
            labelled 1, so that a query may stay with one kind of object, as
            it was pretrained; predictions still merge, since S sums over
            queries. Needs ``LoadAVSAnnotations(load_classes=True)``. Defaults
            to 'label'.
        fusion (dict, optional): Config of an :class:`AudioTextFusion`, less
            ``in_channels``, of what the pixel decoder gives (ours): the mask
            features and the levels that the queries read attend to the
            sounding object features, too. What comes before stays shared by
            several sounds, which it isn't behind a segmentor's ``fusion``.
            Defaults to None.
        **kwargs: See mmseg's ``Mask2FormerHead``.

    Attributes:
        takes_prompt (bool): Tells the segmentor that :meth:`loss`,
            :meth:`predict` and :meth:`forward` take a ``prompt``, and that
            there is an :meth:`encode_image`.

    Raises:
        ValueError: If ``targets`` is none of those, or is 'class' with
            ``num_classes`` other than 2.
    """

    takes_prompt = True

    def __init__(self,
                 pmqs: Optional[dict] = None,
                 targets: str = 'label',
                 fusion: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if targets not in ('label', 'class'):
            raise ValueError("targets must be 'label' or 'class', but got "
                             f'{targets!r}')
        if targets == 'class' and self.num_classes != 2:
            raise ValueError(
                "targets='class' merges all classes into 'sounding' and needs "
                f'num_classes=2, but got {self.num_classes}')
        self.targets = targets
        self.pmqs = MODELS.build(pmqs) if pmqs is not None else None
        widths = [kwargs['out_channels'], *[kwargs['feat_channels']] *
                  self.num_transformer_feat_level]
        self.fusion = None if fusion is None else MODELS.build(
            dict(type='AudioTextFusion', in_channels=widths, **fusion))

    def encode_image(self, x: Tuple[Tensor]) -> Mask2FormerMemory:
        """Run the part that does not depend on the prompt.

        Args:
            x (tuple[Tensor]): Backbone features, high to low resolution.
        """
        # No autocast: mmcv casts deformable attention's sampling locations to
        # the features' type, and half precision is too coarse for them.
        dtype = self.query_feat.weight.dtype
        with torch.autocast(x[0].device.type, enabled=False):
            mask_features, levels = self.pixel_decoder(
                [feature.to(dtype) for feature in x])
        memory = Mask2FormerMemory(mask_features, [], [], [], [])
        for i in range(self.num_transformer_feat_level):
            level = levels[i]
            key = self.decoder_input_projs[i](level).flatten(2).transpose(1, 2)
            memory.keys.append(key + self.level_embed.weight[i])
            unpadded = level.new_zeros(
                (len(level), *level.shape[-2:]), dtype=torch.bool)
            memory.key_pos.append(
                self.decoder_positional_encoding(unpadded).flatten(2)
                .transpose(1, 2))
            memory.sizes.append(tuple(level.shape[-2:]))
            if not self.training:
                memory.level_features.append(
                    F.interpolate(
                        mask_features, level.shape[-2:], mode='bilinear'))
        return memory

    def decode(
        self,
        memory: Mask2FormerMemory,
        prompt: Optional[AudioTextPrompt] = None,
        last: bool = False
    ) -> Tuple[List[Tensor], List[Tensor]]:
        """Prompt the mask queries and decode them.

        Args:
            memory (Mask2FormerMemory): From :meth:`encode_image`.
            prompt (AudioTextPrompt, optional): Required with ``pmqs`` or
                ``fusion``, ignored without. Defaults to None.
            last (bool): Return only what comes after the last layer. Needs
                eval mode. The masks through which the layers attend are then
                made at the size of their level at once: the same but for
                rounding. Defaults to False.

        Returns:
            tuple[list[Tensor], list[Tensor]]: Class logits (B, N_q, C + 1) and
            mask logits (B, N_q, H/4, W/4), before the first decoder layer and
            after each one.
        """
        batch_size = len(memory.mask_features)
        query = self.query_feat.weight.expand(batch_size, -1, -1)
        query_pos = self.query_embed.weight.expand(batch_size, -1, -1)
        if self.pmqs is not None:
            query = self.pmqs(query, prompt)
        if self.fusion is not None:
            memory = self._fuse(memory, prompt)

        all_cls, all_masks = [], []
        levels = self.num_transformer_feat_level
        for i in range(self.num_transformer_decoder_layers + 1):
            if last and i < self.num_transformer_decoder_layers:
                hidden = self._hide(query, memory.level_features[i % levels])
            else:
                cls, masks, hidden = self._forward_head(
                    query, memory.mask_features, memory.sizes[i % levels])
                all_cls.append(cls)
                all_masks.append(masks)
                hidden = _not_all(hidden)
            if i == self.num_transformer_decoder_layers:
                return all_cls, all_masks
            query = self.transformer_decoder.layers[i](
                query=query,
                key=memory.keys[i % levels],
                value=memory.keys[i % levels],
                query_pos=query_pos,
                key_pos=memory.key_pos[i % levels],
                cross_attn_mask=hidden,
                query_key_padding_mask=None,
                key_padding_mask=None)

    def _fuse(self, memory: Mask2FormerMemory,
              prompt: AudioTextPrompt) -> Mask2FormerMemory:
        """Let the pixels attend to what sounds."""
        levels = [
            key.transpose(1, 2).unflatten(2, size)
            for key, size in zip(memory.keys, memory.sizes)
        ]
        mask_features, *levels = self.fusion([memory.mask_features, *levels],
                                             prompt)
        return memory._replace(
            mask_features=mask_features,
            keys=[level.flatten(2).transpose(1, 2) for level in levels],
            level_features=[
                F.interpolate(mask_features, size, mode='bilinear')
                for size in memory.sizes[:len(memory.level_features)]
            ])

    def _hide(self, query: Tensor, features: Tensor) -> Tensor:
        """What a layer adds to its attention, (B * heads, N_q, h * w): 0 for
        the pixels of its level that a query sees, -inf for the others."""
        embed = self.mask_embed(self.transformer_decoder.post_norm(query))
        hidden = _not_all((embed @ features.flatten(2)).sigmoid_() < 0.5)
        return query.new_zeros(hidden.shape).masked_fill_(
            hidden, -torch.inf).repeat_interleave(self.num_heads, 0)

    def forward(
        self,
        x: Union[Tuple[Tensor], Mask2FormerMemory],
        batch_data_samples: Optional[SampleList] = None,
        prompt: Optional[AudioTextPrompt] = None
    ) -> Tuple[List[Tensor], List[Tensor]]:
        """:meth:`decode`, of what is encoded already or is encoded here."""
        if not isinstance(x, Mask2FormerMemory):
            x = self.encode_image(x)
        return self.decode(x, prompt)

    def loss(self,
             x: Union[Tuple[Tensor], Mask2FormerMemory],
             batch_data_samples: SampleList,
             train_cfg: ConfigType,
             prompt: Optional[AudioTextPrompt] = None) -> dict:
        """Segmentation losses (paper eq. 8-9), of each decoder layer.

        The samples have ``gt_sem_seg``, or ``gt_classes`` with
        ``targets='class'``.
        """
        instances, metas = self._seg_data_to_instance_data(batch_data_samples)
        all_cls, all_masks = self(x, prompt=prompt)
        return self.loss_by_feat(all_cls, all_masks, instances, metas)

    def _seg_data_to_instance_data(
            self, batch_data_samples: SampleList
    ) -> Tuple[List[InstanceData], List[dict]]:
        """mmseg's masks per label, of the classes if so configured."""
        if self.targets == 'label':
            return super()._seg_data_to_instance_data(batch_data_samples)
        if any('gt_classes' not in sample for sample in batch_data_samples):
            raise KeyError(
                "targets='class' needs 'gt_classes' in the data samples: set "
                'load_classes=True in LoadAVSAnnotations of the train '
                'pipeline')
        instances, metas = super()._seg_data_to_instance_data([
            SegDataSample(
                gt_sem_seg=sample.gt_classes, metainfo=sample.metainfo)
            for sample in batch_data_samples
        ])
        for instance in instances:
            instance.labels.clamp_(max=1)  # background 0, sounding 1
        return instances, metas

    def predict(self,
                x: Union[Tuple[Tensor], Mask2FormerMemory],
                batch_img_metas: List[dict],
                test_cfg: ConfigType,
                prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Class maps S (paper eq. 7).

        Args:
            x (tuple[Tensor] | Mask2FormerMemory): Backbone features, or what
                :meth:`encode_image` made of them.
            batch_img_metas (list[dict]): ``pad_shape`` or ``img_shape`` is the
                size of the result.
            test_cfg (dict): Unused, as in mmseg.
            prompt (AudioTextPrompt, optional): See :meth:`decode`.

        Returns:
            Tensor: S, (B, C, H, W), non-negative, in float32 at least. It sums
            over queries and is no probability: see :meth:`sounding_score`.
        """
        if not isinstance(x, Mask2FormerMemory):
            x = self.encode_image(x)
        all_cls, all_masks = self.decode(x, prompt, last=not self.training)
        meta = batch_img_metas[0]
        size = meta.get('pad_shape', meta['img_shape'])[:2]
        # Under autocast matrix products would return half precision, too
        # coarse for the metrics' 255 thresholds (and NumPy knows no bfloat16).
        with torch.autocast(all_cls[-1].device.type, enabled=False):
            return self._class_maps(
                at_least_float32(all_cls[-1]), at_least_float32(all_masks[-1]),
                size)

    @staticmethod
    def _class_maps(cls_logits: Tensor, mask_logits: Tensor,
                    size: Tuple[int, int]) -> Tensor:
        """Sum masks weighted by class, a few queries of a frame at a time."""
        classes = cls_logits.softmax(-1)[..., :-1]
        num_queries, num_classes = classes.shape[1:]
        # at least as many queries as maps, which each step reads and writes
        step = max(_MASK_CHUNK // (size[0] * size[1]), num_classes)
        results = []
        for weights, logits in zip(classes.split(1), mask_logits.split(1)):
            maps = None
            for start in range(0, num_queries, step):
                masks = F.interpolate(
                    logits[:, start:start + step],
                    size=size,
                    mode='bilinear',
                    align_corners=False)
                share = torch.einsum('bqc,bqhw->bchw',
                                     weights[:, start:start + step],
                                     masks.sigmoid_())
                maps = share if maps is None else maps.add_(share)
            results.append(maps)
        return torch.cat(results)

    @staticmethod
    def sounding_score(seg_logits: Tensor) -> Tensor:
        """How much of S belongs to anything but background.

        ``S_1 / (S_0 + S_1)`` in the binary task, so that a score above 0.5 is
        what argmax calls sounding; with more classes all of them together.
        S (C, H, W), background first, -> (1, H, W) in [0, 1].
        """
        total = seg_logits.sum(0, keepdim=True)
        sounding = seg_logits[1:].sum(0, keepdim=True)
        return sounding / total.clamp(min=torch.finfo(total.dtype).tiny)
