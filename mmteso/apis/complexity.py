# Copyright (c) mmteso contributors. All rights reserved.
"""How much a model computes for one frame with its sound and text."""
import os.path as osp
import tempfile
import wave
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import (Any, Dict, Iterator, List, NamedTuple, Optional, Sequence,
                    Tuple)

import torch
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from prettytable import PrettyTable
from torch import Tensor, nn

from mmteso.engine.sound_steps import (dataloader_of, dataset_configs,
                                       find_sound_steps, type_name)
from mmteso.models import AudioTextSegmentor

_PARTS = ('backbone', 'neck', 'audio_encoder', 'prompt_encoder', 'fusion',
          'decode_head')
#: Products that mmengine's counter passes over.
ATTENTION_OPS = ('baddbmm', 'scaled_dot_product_attention')
# They only move or compare numbers.
_FREE = frozenset(
    """__iand__ __ior__ _shape_as_tensor all any bitwise_or constant_pad_nd
    expand_as feature_dropout fill_ flip im2col le lift_fresh logical_not lt
    masked_fill_ meshgrid movedim ne new_ones ones_like pad repeat tril triu
    unflatten""".split())


class PartComplexity(NamedTuple):
    """What a part of a model computes and holds.

    Attributes:
        name (str): 'backbone', 'audio_encoder', ...
        flops (int): For one frame; a multiplication and an addition are one.
        parameters (int): Number of parameters.
        trainable (int): How many of them train.
    """
    name: str
    flops: int
    parameters: int
    trainable: int


@dataclass
class ModelComplexity:
    """What :func:`model_complexity` finds.

    Attributes:
        inputs (dict[str, tuple[int]]): Shape of each input, B = 1, the image
            padded as in a test.
        parts (list[PartComplexity]): In the order of the data.
        by_operator (Counter[str]): The FLOPs by operator.
        uncounted (Counter[str]): How often operators ran that compute
            something and are not counted, by name.
        to_maps (bool): Whether the way from the head's outputs to class maps
            at the size of the image is in it.
    """
    inputs: Dict[str, Tuple[int, ...]]
    parts: List[PartComplexity]
    by_operator: Counter
    uncounted: Counter
    to_maps: bool

    @property
    def attention_flops(self) -> int:
        """Of the total, what mmengine's counter and so mmseg's leave out."""
        return sum(self.by_operator[name] for name in ATTENTION_OPS)

    @property
    def total(self) -> PartComplexity:
        """The sums over the parts."""
        return PartComplexity(
            'total', *(sum(column) for column in list(zip(*self.parts))[1:]))


class _Inference(nn.Module):
    """The model as a function of tensors, which is what can be traced."""

    def __init__(self, model: nn.Module, names: Sequence[str],
                 samples: List[SegDataSample]) -> None:
        super().__init__()
        self.model = model
        self.names = names
        self.samples = samples
        # The heads of MaskFormer need the samples to run at all, which
        # mmseg's 'tensor' mode doesn't hand on.
        _, *others = signature(model.decode_head.forward).parameters.values()
        self.to_maps = any(
            other.default is Parameter.empty and other.kind in
            (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
            for other in others)

    def forward(self, *tensors: Tensor) -> Any:
        inputs = dict(zip(self.names, tensors))
        images = inputs['img']
        if not isinstance(self.model, AudioTextSegmentor):
            inputs = images
        if not self.to_maps:
            return self.model(inputs, mode='tensor')
        metas = [sample.metainfo for sample in self.samples]
        if inputs is images:
            return self.model.encode_decode(images, metas)
        return self.model.encode_decode(images, metas,
                                        self.model.encode_prompt(inputs))


def model_complexity(cfg: Config,
                     shape: Optional[Sequence[int]] = None) -> ModelComplexity:
    """Count what a model computes for one frame in a test.

    Traced by mmengine's ``FlopAnalyzer`` on the CPU, without weights and data:
    sound is silence in the shape that the test pipeline's front end gives it,
    text as many cues as it loads. What is computed before, in the pipeline
    (log-mel) or once for all (text features, cached audio features), is not
    the model's. The rules are those of mmseg's ``get_flops.py``: auxiliary
    heads don't count, and the last step is the decode head's raw output; but
    the products of attention count that it passes over. Of deformable
    attention the linear layers and the sampling count (4 for each sampled
    value), not the weighted sum.

    Args:
        cfg (Config): Of an :class:`AudioTextSegmentor`, or of mmseg's
            ``EncoderDecoder``.
        shape (Sequence[int], optional): (height, width) of the image, or one
            number for both. Defaults to None: what the test pipeline resizes
            to.

    Returns:
        ModelComplexity: The counts.

    Raises:
        ValueError: If there is no shape, or the config's pipelines don't say
            what the sound looks like.
    """
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope', 'mmseg')):
        height, width = _image_size(cfg, shape)
        model = revert_sync_batchnorm(MODELS.build(cfg.model)).eval()
        if hasattr(model, 'auxiliary_head'):
            model.auxiliary_head = None
        image = torch.zeros(3, height, width, dtype=torch.uint8)
        inputs, size = image, (height, width)
        sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size))
        if isinstance(model, AudioTextSegmentor):
            inputs = dict(img=image, **_sound_and_text(cfg, model))
            inputs = {name: [value] for name, value in inputs.items()}
        else:
            inputs = [inputs]
        data = model.data_preprocessor(
            dict(inputs=inputs, data_samples=[sample]), False)
    inputs = data['inputs']
    if not isinstance(inputs, dict):
        inputs = dict(img=inputs)
    inference = _Inference(model, list(inputs), data['data_samples'])
    analyzer = _analyze(inference, tuple(inputs.values()))
    uncounted = {
        name.split('::')[-1]: count
        for name, count in analyzer.unsupported_ops().items()
    }
    return ModelComplexity(
        inputs={name: tuple(value.shape) for name, value in inputs.items()},
        parts=_parts(model, analyzer),
        by_operator=Counter({
            name: int(flops)
            for name, flops in analyzer.by_operator().items()
        }),
        uncounted=Counter({
            name: count
            for name, count in uncounted.items() if name not in _FREE
        }),
        to_maps=inference.to_maps)


def _image_size(cfg: Config,
                shape: Optional[Sequence[int]]) -> Tuple[int, int]:
    if shape is not None:
        shape = tuple(shape) * (2 if len(shape) == 1 else 1)
        if len(shape) != 2:
            raise ValueError('shape must be height and width, or one number '
                             f'for both, but got {shape}')
        return shape
    for step in _test_pipeline(cfg):
        if type_name(step) == 'Resize' and step.get('scale'):
            width, height = step['scale']
            return height, width
    raise ValueError('the test pipeline resizes to no size: say which '
                     'height and width the images have')


def _test_pipeline(cfg: Config) -> List[dict]:
    for dataset in dataset_configs(dataloader_of(cfg, 'test')['dataset']):
        return list(dataset['pipeline'])
    raise ValueError('the test data set has no pipeline')


def _sound_and_text(cfg: Config,
                    model: AudioTextSegmentor) -> Dict[str, Tensor]:
    """What ``encode_prompt`` reads, of one frame."""
    encoder = model.prompt_encoder
    if encoder is None:
        return {}
    reads = getattr(encoder, 'reads', ('audio', 'text'))
    inputs = {}
    pipeline = _test_pipeline(cfg)
    names = [type_name(step) for step in pipeline]
    if 'audio' in reads:
        if model.audio_encoder is None or 'LoadAudioFeatures' in names:
            inputs['audio_feat'] = torch.zeros(encoder.audio_dims)
        else:
            inputs.update(_silence(cfg))
    if 'text' in reads:
        number = 4
        for step in pipeline:
            if type_name(step) == 'LoadTextCues':
                number = step.get('num_cues', number)
        inputs['text_feat'] = torch.rand(number, encoder.text_dims)
        inputs['text_valid'] = torch.ones(number, dtype=torch.bool)
    return inputs


def _silence(cfg: Config) -> Dict[str, Tensor]:
    """A second of silence, through the test pipeline's own transforms."""
    steps = find_sound_steps(cfg, ['test'])
    if type_name(steps[0]) == 'LoadLogMel':
        return dict(log_mel=torch.zeros(1, 96, 64))
    with tempfile.TemporaryDirectory() as folder:
        path = osp.join(folder, 'silence.wav')
        with wave.open(path, 'wb') as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(bytes(2 * 2 * 16000))
        results = dict(audio_path=path, frame=0, uid='silence')
        for step in steps:
            transform = TRANSFORMS.build(step)
            results = transform(results)
    return {transform.output_key: results[transform.output_key]}


@contextmanager
def _no_fused_attention() -> Iterator[None]:
    """``nn.MultiheadAttention`` as products, not as one operator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _analyze(module: nn.Module, inputs: Tuple[Tensor, ...]) -> FlopAnalyzer:
    analyzer = FlopAnalyzer(module, inputs)
    analyzer.unsupported_ops_warnings(False)
    analyzer.uncalled_modules_warnings(False)
    analyzer.set_op_handle('aten::baddbmm', _count_baddbmm,
                           'aten::scaled_dot_product_attention',
                           _count_attention)
    with torch.no_grad(), _no_fused_attention():
        analyzer.total()
    return analyzer


def _shape(value: Any) -> List[int]:
    """Of a value in a traced graph."""
    return value.type().sizes()


def _count_baddbmm(inputs: List[Any], outputs: List[Any]) -> Counter:
    batch, rows, inner = _shape(inputs[1])
    flops = batch * rows * inner * _shape(inputs[2])[-1]
    return Counter(baddbmm=flops)


def _count_attention(inputs: List[Any], outputs: List[Any]) -> Counter:
    query, key, value = (_shape(tensor) for tensor in inputs[:3])
    rows = 1
    for size in query[:-1]:
        rows *= size
    flops = rows * key[-2] * (query[-1] + value[-1])
    return Counter(scaled_dot_product_attention=flops)


def _parts(model: nn.Module, analyzer: FlopAnalyzer) -> List[PartComplexity]:
    counts = analyzer.by_module()
    parts, left = [], counts['']
    for name in _PARTS:
        module = getattr(model, name, None)
        if module is None:
            continue
        flops = counts[f'model.{name}']
        if name == 'decode_head':
            # the segmentor calls its forward(), past the tracer's eyes, and
            # computes nothing itself
            flops = left
        left -= flops
        sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
        parts.append(
            PartComplexity(name, int(flops), sum(n for n, _ in sizes),
                           sum(n for n, trains in sizes if trains)))
    return parts


def format_complexity(complexity: ModelComplexity) -> str:
    """A table, and what is in its numbers and what isn't.

    Args:
        complexity (ModelComplexity): From :func:`model_complexity`.

    Returns:
        str: Lines of text.
    """
    unit, scale = 'GFLOPs', 1e9
    if complexity.total.flops < 1e9:
        unit, scale = 'MFLOPs', 1e6
    table = PrettyTable(
        ['part', unit, 'parameters (M)', 'trainable (M)'], align='r')
    table.align['part'] = 'l'
    for part in (*complexity.parts, complexity.total):
        table.add_row([
            part.name, f'{part.flops / scale:.3f}',
            f'{part.parameters / 1e6:.3f}', f'{part.trainable / 1e6:.3f}'
        ], divider=part is complexity.parts[-1])
    shapes = ', '.join(f'{name} {" x ".join(map(str, shape))}'
                       for name, shape in complexity.inputs.items())
    end = 'class maps at the size of the image' if complexity.to_maps else \
        "the decode head's raw output"
    uncounted = ', '.join(f'{name} ({number})' for name, number in
                          complexity.uncounted.most_common())
    return '\n'.join([
        f'Inputs: {shapes}', str(table),
        f'Up to {end}. A multiply-add is one FLOP. Without auxiliary heads, '
        'and without what is computed before the model: text features, '
        'log-mels, cached audio features.',
        f'Of the total {complexity.attention_flops / scale:.3f} {unit} are '
        f'products of attention ({", ".join(ATTENTION_OPS)}), which '
        "mmengine's counter leaves out.",
        f'Not counted, operators and how often: {uncounted or "none"}.'
    ])
