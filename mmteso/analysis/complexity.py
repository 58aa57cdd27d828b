# Copyright (c) mmteso contributors. All rights reserved.
"""How much a model computes for one frame with its sound and text."""
from collections import Counter
from inspect import signature
from math import prod
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmteso.audio import EXAMPLE_SECONDS
from mmteso.engine.sound_steps import (dataloader_of, dataset_configs,
                                       find_sound_steps, type_name)
from mmteso.models import AudioTextSegmentor


class _Inference(nn.Module):
    """A model up to the decode head's output, as a function of tensors."""

    def __init__(self, model: nn.Module, names: Sequence[str],
                 samples: List[SegDataSample]) -> None:
        super().__init__()
        self.model, self.names = model, names
        reads = signature(model.decode_head.forward).parameters
        # the heads of MaskFormer need the samples to run at all
        self.samples = (
            dict(batch_data_samples=samples)
            if 'batch_data_samples' in reads else {})
        self.prompted = 'prompt' in reads

    def forward(self, *tensors: Tensor) -> Any:
        inputs = dict(zip(self.names, tensors))
        others = dict(self.samples)
        features = self.model.extract_feat(inputs['img'])
        if isinstance(self.model, AudioTextSegmentor):
            prompt = self.model.encode_prompt(inputs)
            features = self.model.fuse(features, prompt)
            if self.prompted:
                others['prompt'] = prompt
        return self.model.decode_head(features, **others)


def analyze_flops(
        cfg: Config,
        shape: Optional[Sequence[int]] = None
) -> Tuple[FlopAnalyzer, nn.Module, Dict[str, tuple]]:
    """Count what a model computes for one frame in a test.

    On the CPU, without weights and data: sound is silence, text as many cues
    as the test pipeline loads. As in mmseg's ``get_flops.py`` it ends with the
    decode head's output, without auxiliary heads; the products of attention
    that mmengine's analyzer leaves out count. ``shape`` is (height, width) of
    the image, or one number for both, by default what the test pipeline
    resizes to.

    Gives mmengine's analyzer with its counts, a multiply-add as one, under
    'model.backbone', 'model.decode_head' and so on; the model; the shapes of
    the inputs.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    pipeline = next(
        dataset_configs(dataloader_of(cfg, 'test')['dataset']))['pipeline']
    height, width = size = _image_size(pipeline, shape)
    model = revert_sync_batchnorm(MODELS.build(cfg.model)).eval()
    model.auxiliary_head = None
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    batch = [image]
    if isinstance(model, AudioTextSegmentor):
        batch = dict(img=image, **_sound_and_text(cfg, model, pipeline))
        batch = {name: [value] for name, value in batch.items()}
    sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size))
    data = model.data_preprocessor(
        dict(inputs=batch, data_samples=[sample]), False)
    inputs = data['inputs']
    inputs = inputs if isinstance(inputs, dict) else dict(img=inputs)
    analyzer = FlopAnalyzer(
        _Inference(model, list(inputs), data['data_samples']),
        tuple(inputs.values()))
    analyzer.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analyzer.set_op_handle('aten::baddbmm', _count_baddbmm,
                           'aten::scaled_dot_product_attention',
                           _count_attention)
    # nn.MultiheadAttention as products, not as one operator
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            analyzer.total()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    shapes = {name: tuple(x.shape) for name, x in inputs.items()}
    return analyzer, model, shapes


def _image_size(pipeline: Sequence[dict],
                shape: Optional[Sequence[int]]) -> Tuple[int, int]:
    """Height and width."""
    for step in pipeline:
        if not shape and type_name(step) == 'Resize':
            shape = step['scale'][::-1]
    if not shape:
        raise ValueError('the test pipeline resizes to no size: say which '
                         'height and width the images have (--shape)')
    return shape[0], shape[-1]


def _sound_and_text(cfg: Config, model: AudioTextSegmentor,
                    pipeline: Sequence[dict]) -> Dict[str, Tensor]:
    """What ``encode_prompt`` reads, of one frame."""
    encoder, inputs = model.prompt_encoder, {}
    reads = getattr(encoder, 'reads', ('audio', 'text')) if encoder else ()
    cached = 'LoadAudioFeatures' in map(type_name, pipeline)
    if 'audio' in reads and (cached or model.audio_encoder is None):
        inputs['audio_feat'] = torch.zeros(encoder.audio_dims)
    elif 'audio' in reads:
        inputs.update(_silence(find_sound_steps(cfg, ['test'])))
    if 'text' in reads:
        number = next((step['num_cues'] for step in pipeline
                       if 'num_cues' in step), 4)
        inputs['text_feat'] = torch.rand(number, encoder.text_dims)
        inputs['text_valid'] = torch.ones(number, dtype=torch.bool)
    return inputs


def _silence(steps: Sequence[dict]) -> Dict[str, Tensor]:
    """An example of silence, through the pipeline's own front end."""
    loader, *front_end = [TRANSFORMS.build(step) for step in steps]
    if not front_end:
        return dict(log_mel=torch.zeros(1, 96, 64))
    rate = loader.sample_rate
    results = front_end[0](
        dict(
            waveform=np.zeros(round(rate * EXAMPLE_SECONDS), np.float32),
            sample_rate=rate,
            uid='silence'))
    return {front_end[0].output_key: results[front_end[0].output_key]}


def _count_baddbmm(inputs: List[Any], outputs: List[Any]) -> Counter:
    _, one, other = (value.type().sizes() for value in inputs[:3])
    return Counter(baddbmm=prod(one) * other[-1])


def _count_attention(inputs: List[Any], outputs: List[Any]) -> Counter:
    query, key, value = (tensor.type().sizes() for tensor in inputs[:3])
    return Counter(
        attention=prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))
