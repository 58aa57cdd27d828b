# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Sequence

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.utils import SampleList


@MODELS.register_module()
class AVSTTAModel(BaseTTAModel):
    """Test-time augmentation for segmentors with a sounding score.

    Averages the class maps S (``seg_logits``) over the views of a frame, and
    makes ``pred_sem_seg`` and ``sounding_score`` of the average. mmseg's
    ``SegTTAModel`` takes a softmax of S, which is no logit in Mask2Former, and
    returns the last view's ``sounding_score``.

    Use it with a ``tta_pipeline`` whose ``TestTimeAug`` alters the picture
    only: all but the maps is taken from the first view. Load the ground truth
    after the flip, as the predictions come back unflipped.

    Args:
        module (dict or nn.Module): The segmentor, such as
            :class:`AudioTextSegmentor`.
        data_preprocessor (dict or nn.Module, optional): Takes the place of
            the segmentor's. Defaults to None.

    Raises:
        TypeError: If the segmentor has no method ``sounding_score``.
    """

    def __init__(self, module, data_preprocessor=None) -> None:
        super().__init__(module, data_preprocessor)
        if not hasattr(self.module, 'sounding_score'):
            raise TypeError(
                f'{type(self.module).__name__} has no sounding_score: '
                "AVSTTAModel is for AudioTextSegmentor, mmseg's segmentors go "
                'with SegTTAModel')

    def test_sounds_step(self, batches: Sequence[dict]) -> List[SampleList]:
        """:meth:`AudioTextSegmentor.test_sounds_step` of batches of views."""
        views = [
            self.module.test_sounds_step([{
                key: value[view]
                for key, value in batch.items()
            } for batch in batches])
            for view in range(len(batches[0]['inputs']))
        ]
        return [self.merge_preds(list(zip(*preds))) for preds in zip(*views)]

    def merge_preds(self, data_samples_list: List[Sequence]) -> SampleList:
        """Merge the views of each frame.

        Args:
            data_samples_list (list[Sequence[SegDataSample]]): For each frame
                of the batch the predictions of all views, at the frame's
                original size and orientation.

        Returns:
            list[SegDataSample]: The first views' samples with ``seg_logits``,
            ``pred_sem_seg`` and, not with ``reduce_zero_label``,
            ``sounding_score`` of all views.

        Raises:
            ValueError: If the views of a frame differ in size.
        """
        for views in data_samples_list:
            maps = [view.seg_logits.data for view in views]
            shapes = sorted({tuple(item.shape) for item in maps})
            if len(shapes) > 1:
                raise ValueError(
                    'the views of a frame must be predicted at one size, but '
                    f'got {shapes}: LoadImageFromFile must stand before '
                    'TestTimeAug')
            merged = torch.stack(maps).mean(0)
            if len(merged) > 1:
                labels = merged.argmax(0, keepdim=True)
            else:  # probabilities already, of EncoderDecoder's own sigmoid
                labels = merged > self.module.decode_head.threshold
                labels = labels.to(merged)
            sample = views[0]
            sample.seg_logits = PixelData(data=merged)
            sample.pred_sem_seg = PixelData(data=labels)
            if not sample.get('reduce_zero_label'):
                sample.sounding_score = PixelData(
                    data=self.module.sounding_score(merged))
        return [views[0] for views in data_samples_list]
