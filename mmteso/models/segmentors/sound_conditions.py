# Copyright (c) mmteso contributors. All rights reserved.
"""One frame, several sounds."""
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmteso.datasets.transforms import PerCondition, condition_samples
from ..decode_heads import TeSOHead


class SoundConditionsMixin:
    """Predicts frames under K sounds each, looking at each frame once.

    For segmentors whose :meth:`predict` asks :meth:`image_features` for what
    does not depend on the sound. Each sound goes through :meth:`predict` by
    itself, with the very shapes that a test under this sound alone has.
    Folding the sounds into the batch or the queries was tried and left out:
    matrix products of other shapes round differently, and Mask2Former's masked
    attention turns that into a whole pixel seen or not seen where a mask logit
    is almost zero, so that predictions differ by far more than rounding. On a
    CPU it was no faster either.
    """

    _image_memory: Optional[dict] = None

    def image_features(self, images: Tensor) -> Any:
        """What the decode head reads of images or crops.

        Args:
            images (Tensor): (B, 3, H, W).

        Returns:
            tuple[Tensor] | ImageMemory: Backbone features, for a
            :class:`TeSOHead` without a ``fusion`` before it what its
            ``encode_image`` makes of them. Inside of
            :meth:`predict_conditions` it is computed once for each crop.
        """
        if self._image_memory is None:
            return self._look_at(images)
        # crops of one batch, alive as long as the memory
        key = (images.data_ptr(), images.shape, images.stride())
        if key not in self._image_memory:
            self._image_memory[key] = self._look_at(images)
        return self._image_memory[key]

    def _look_at(self, images: Tensor) -> Any:
        x = self.extract_feat(images)
        # behind a fusion a head's encoding depends on the sound
        if isinstance(self.decode_head, TeSOHead) and self.fusion is None:
            return self.decode_head.encode_image(x)
        return x

    @contextmanager
    def _remember_images(self) -> Iterator[None]:
        self._image_memory = {}
        try:
            yield
        finally:
            self._image_memory = None

    @property
    def hears(self) -> bool:
        """Whether predictions depend on the sound at all."""
        return self.prompt_encoder is not None and 'audio' in getattr(
            self.prompt_encoder, 'reads', ('audio', ))

    def predict_conditions(
            self,
            inputs: dict,
            data_samples: OptSampleList = None) -> List[SampleList]:
        """Segment what sounds under each of K sounds.

        Equal, bit for bit on a CPU, to K calls of :meth:`predict` with one
        sound each, and cheaper: the backbone runs once, and so does the pixel
        decoder of a :class:`TeSOHead` that no ``fusion`` stands before.
        A model that doesn't hear (:attr:`hears`) predicts once.

        Args:
            inputs (dict[str, Tensor]): As for :meth:`predict`, but what the
                audio encoder reads has a second axis for the sounds, e.g.
                ``log_mel`` (B, K, 1, 96, 64), as
                :class:`FanOutAudioConditions` packs it.
            data_samples (list[SegDataSample], optional): Metainfo and ground
                truth of the B frames; not modified. Values of the metainfo
                that are a :class:`PerCondition` are taken apart. Defaults to
                None.

        Returns:
            list[list[SegDataSample]]: K lists of B predictions, see
            :meth:`predict`. They share the ground truth.

        Raises:
            ValueError: If the sound has no axis for the conditions.
        """
        number = self._count_sounds(inputs, data_samples)
        key = self._audio_key
        if not self.hears:
            samples = self.predict(inputs, condition_samples(data_samples, 0))
            return [
                condition_samples(samples, k, data_samples)
                for k in range(number)
            ]
        results = []
        with self._remember_images():
            for k in range(number):
                heard = dict(inputs, **{key: inputs[key][:, k].contiguous()})
                results.append(
                    self.predict(heard, condition_samples(data_samples, k)))
        return results

    def test_conditions_step(self, data: dict) -> List[SampleList]:
        """``test_step`` for several sounds.

        Args:
            data (dict): A batch from the dataloader.

        Returns:
            list[list[SegDataSample]]: See :meth:`predict_conditions`.
        """
        return self.predict_conditions(**self.data_preprocessor(data, False))

    def _count_sounds(self, inputs: dict, data_samples: OptSampleList) -> int:
        """K, of which data samples and sound must have the same idea."""
        named = None
        if data_samples:
            named = data_samples[0].metainfo.get('audio_condition')
            named = len(named) if isinstance(named, PerCondition) else 0
        shape = tuple(getattr(inputs.get(self._audio_key), 'shape', ()))
        number = named if named is not None else (shape[1:2] or (0, ))[0]
        if not number or self.hears and shape[1:2] != (number, ):
            raise ValueError(
                'predict_conditions takes several sounds for each frame, but '
                f'got {self._audio_key} of shape {shape}, expected (B, K, '
                '...), and data samples that name ' +
                (f'{named} conditions. ' if named else 'no conditions. ') +
                'Let FanOutAudioConditions make them in the pipeline, as '
                'AudioControlLoop does, and keep audio_condition in the '
                'meta_keys of PackAVTInputs; for one sound there is predict.')
        return number
