# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict, List, Tuple

import torch
import torch.nn.functional as F
from mmcv.ops import point_sample
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from mmdet.utils import reduce_mean
from mmengine.structures import InstanceData
from mmseg.models.decode_heads import Mask2FormerHead
from scipy.optimize import linear_sum_assignment
from torch import Tensor

# Elements of the masks that are compared with ground truth at a time: 4 MB,
# which stay in a CPU's cache. Ten layers of 100 queries at 12,544 points would
# be 50 MB, several times over.
_MATCH_CHUNK = 2**20


class BatchedMask2FormerHead(Mask2FormerHead):
    """mmseg's Mask2Former head, whose losses treat all decoder layers at once.

    The stock head goes through layers and frames. The loss is the same, but
    for where it is sampled, since the layers of a frame are matched on the
    same random points. It differs in two cases: the class loss is divided by
    the mean over ranks of the sum of class weights, where the stock head takes
    a rank's own sum, which with several ranks puts gradients 2-4 % off those
    of one process; and a frame whose pixels are all ignored counts for
    nothing, where the stock head wants no object there.
    """

    def loss_by_feat(self, all_cls_scores: List[Tensor],
                     all_mask_preds: List[Tensor],
                     batch_gt_instances: List[InstanceData],
                     batch_img_metas: List[dict]) -> Dict[str, Tensor]:
        """Losses of all decoder layers.

        Args:
            all_cls_scores (list[Tensor]): Class logits of L layers, each (B,
                N_q, C + 1).
            all_mask_preds (list[Tensor]): Their mask logits, each (B, N_q, h,
                w).
            batch_gt_instances (list[InstanceData]): By frame, ``labels`` (G, )
                and ``masks`` (G, H, W).
            batch_img_metas (list[dict]): Metainfo of the frames.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_mask`` and ``loss_dice`` of
            the last layer, and those of the others as ``d0.loss_cls`` etc.
        """
        cls, masks = torch.stack(all_cls_scores), torch.stack(all_mask_preds)
        layer, frame, query, target = self._match(cls, masks,
                                                  batch_gt_instances,
                                                  batch_img_metas)
        gt_labels, gt_masks = (
            torch.cat([getattr(gt, key) for gt in batch_gt_instances])
            for key in ('labels', 'masks'))
        labels = gt_labels.new_full(
            cls.shape[:3], self.num_classes, dtype=torch.long)
        labels[layer, frame, query] = gt_labels[target]
        class_weight = cls.new_tensor(self.class_weight)
        # background is a label, too: a frame without any isn't labelled
        labelled = cls.new_tensor([len(gt) > 0 for gt in batch_gt_instances])
        weight = labelled[:, None].expand(cls.shape[1:3])
        losses_cls = [
            self.loss_cls(
                scores.flatten(0, 1),
                label.flatten(),
                weight.flatten(),
                avg_factor=reduce_mean((class_weight[label] * weight).sum()))
            for scores, label in zip(cls, labels)
        ]
        num_masks = sum(min(len(gt), cls.shape[2])
                        for gt in batch_gt_instances)
        num_masks = reduce_mean(cls.new_tensor(float(num_masks))).clamp(min=1)
        losses_mask, losses_dice = (
            losses.view(len(cls), -1).sum(1) / num_masks
            for losses in self._mask_losses(masks[layer, frame, query],
                                            gt_masks, target))
        names = {'': -1, **{f'd{i}.': i for i in range(len(cls) - 1)}}
        return {
            f'{name}{kind}': losses[i]
            for name, i in names.items()
            for kind, losses in (('loss_cls', losses_cls),
                                 ('loss_mask', losses_mask),
                                 ('loss_dice', losses_dice))
        }

    @torch.no_grad()
    def _match(self, cls: Tensor, masks: Tensor, gt_instances: List,
               metas: List[dict]) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """Match queries with ground truth, at random points of each frame.

        (L, B, N_q, C + 1) and (L, B, N_q, h, w) -> layer, frame, query and
        ground truth (as an index into that of all frames) of each match, by
        layers.
        """
        layers, frames, queries = cls.shape[:3]
        points = torch.rand((frames, self.num_points, 2), device=cls.device)
        step = max(_MATCH_CHUNK // self.num_points, 1)
        costs = []
        for i, (gt, meta) in enumerate(zip(gt_instances, metas)):
            if not len(gt):
                costs.append(cls.new_zeros((layers * queries, 0)))
                continue
            truth = InstanceData(
                labels=gt.labels,
                masks=point_sample(gt.masks[None].float(), points[i:i + 1])[0])
            grid = 2 * points[i:i + 1, :, None] - 1
            parts = []
            for scores, maps in zip(*(
                    values[:, i].flatten(0, 1).split(step)
                    for values in (cls, masks))):
                # a map for each query: as channels of one they are slower
                found = InstanceData(
                    scores=scores,
                    masks=F.grid_sample(
                        maps[:, None],
                        grid.expand(len(maps), -1, -1, -1),
                        align_corners=False).flatten(1))
                parts.append(
                    sum(
                        cost(
                            pred_instances=found,
                            gt_instances=truth,
                            img_meta=meta)
                        for cost in self.assigner.match_costs))
            costs.append(torch.cat(parts))
        # one copy to the CPU
        costs = torch.cat([cost.float() for cost in costs], 1).cpu()
        costs = costs.view(layers, queries, -1).numpy()
        matches, start = [], 0
        for i, gt in enumerate(gt_instances):
            stop = start + len(gt)
            for layer, cost in enumerate(costs[..., start:stop]):
                matches += [(layer, i, query, start + target)
                            for query, target in zip(
                                *linear_sum_assignment(cost))]
            start = stop
        matches = torch.tensor(
            sorted(matches), dtype=torch.long, device=cls.device)
        return tuple(matches.view(-1, 4).T)

    def _mask_losses(self, masks: Tensor, gt_masks: Tensor,
                     target: Tensor) -> Tuple[Tensor, Tensor]:
        """Mask and dice loss of each matched mask, where it is uncertain.

        Of logits (N, h, w), each of which has to be the mask ``target`` (N, )
        of ``gt_masks`` (G, H, W).
        """
        if not len(masks):
            nothing = masks.flatten(1).sum(1)
            return nothing, nothing
        masks = masks[:, None]
        with torch.no_grad():
            points = get_uncertain_point_coords_with_randomness(
                masks, None, self.num_points, self.oversample_ratio,
                self.importance_sample_ratio)
            truth = point_sample(gt_masks[target, None].float(), points)[:, 0]
        found = point_sample(masks, points)[:, 0]
        loss_mask = self.loss_mask(
            found.flatten(), truth.flatten(), reduction_override='none')
        return (loss_mask.view_as(found).mean(1),
                self.loss_dice(found, truth, reduction_override='none'))
