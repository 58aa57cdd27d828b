# Copyright (c) mmteso contributors. All rights reserved.
"""Whether a checkpoint was trained with the config that it is tested with."""
import inspect
import os.path as osp
import re
from typing import Any, Dict, Iterator, List, Sequence

from mmengine.config import Config
from mmseg.registry import MODELS, TRANSFORMS

from mmteso.io import parse_config_text
from mmteso.logs import warn
from .sound_steps import dataset_configs

# What changes nothing in a test: initial weights, what trains, losses,
# dropout, how memory is saved, padding of training batches; and which steps
# and fields of a pipeline load the truth or say where files are.
_IRRELEVANT = re.compile(
    r'(.*\.)?(init_cfg|pretrained|frozen\w*|norm_eval|requires_grad|train_cfg|'
    r'auxiliary_head|loss\w*|\w+_loss|\w*drop\w*|with_cp|sampler)|'
    r'model\.data_preprocessor\.(size|size_divisor|seg_pad_val|'
    r'batch_augments)|'
    r'pipeline\.(\w*Annotations|Pack\w+)|'
    r'pipeline\..*\.(cue_file|text_encoder|cue_target|synonyms|'
    r'backend_args|file_client_args|imdecode_backend)')


class _NotSet:

    def __repr__(self) -> str:
        return 'not set'


_NOT_SET = _NotSet()


def config_differences(meta: Dict[str, Any], cfg: Config) -> List[str]:
    """What of a config makes a model compute something else than in training,
    as the ``meta`` of its checkpoint tells.

    Compared are the model, without what only training sees (losses, initial
    weights, what is frozen, dropout), and the steps of the test pipeline that
    load and alter pictures, sound and cues, without the paths of their files.
    A field that is not set has the constructor's default. With ``tta_model``
    as ``model`` the pipelines of test-time augmentation are compared.

    Gives lines such as 'model.prompt_encoder.num_heads: 8 in training, 4 now',
    in the order of the config; a step of the test pipeline is named by its
    type. A ValueError if ``meta`` has no text of a config, ``cfg``.
    """
    if not isinstance(meta.get('cfg'), str):
        raise ValueError("the checkpoint's meta has no text cfg")
    # through the same text, in which classes are names and tuples lists
    then, now = parse_config_text(meta['cfg']), parse_config_text(
        Config(cfg.to_dict(), format_python_code=False).pretty_text)
    then_parts, now_parts = parts = [_parts(one) for one in (then, now)]
    if not all(part['cue_bank'] for part in parts):
        # older configs name it in the pipeline
        then_parts['cue_bank'] = now_parts['cue_bank'] = ''
    model = now.get('model')
    if isinstance(model, dict) and 'module' in model:
        now_parts['model'] = model['module']
        if 'tta_pipeline' in then:
            then_parts['pipeline'] = _steps(then['tta_pipeline'])
    return list(_compare(then_parts, now_parts, ''))


def warn_of_other_config(checkpoint: Dict[str, Any], cfg: Config) -> None:
    """Log what :func:`config_differences` finds, or that it can't tell."""
    try:
        differences = config_differences(checkpoint.get('meta', {}), cfg)
    except ValueError as error:
        message = ('Whether the checkpoint was trained with this config is '
                   f'not known: {error}')
    else:
        if not differences:
            return
        message = '\n  '.join([
            'The checkpoint was trained with another config; what it computes '
            'here differs by', *differences
        ])
    warn(message)


def _parts(cfg: Dict[str, Any]) -> Dict[str, Any]:
    """What is compared; of several data sets the first one."""
    loader = cfg.get('test_dataloader') or {}
    dataset = next(dataset_configs(loader.get('dataset', {})), {})
    return dict(
        model=cfg.get('model'),
        pipeline=_steps(dataset.get('pipeline', ())),
        cue_bank=osp.basename(dataset.get('cue_bank') or ''))


def _steps(pipeline: Sequence[Any]) -> Dict[str, dict]:
    """Steps by type, those of test-time augmentation's branches too."""
    steps: Dict[str, dict] = {}
    for step in pipeline:
        inner = step if isinstance(step, list) else step.get('transforms')
        found = {_kind(step): step} if inner is None else _steps(inner)
        for name, spec in found.items():
            while name in steps:
                name += "'"
            steps[name] = spec
    return steps


def _kind(spec: dict) -> str:
    """Type without its scope or module, the same for BN on several GPUs."""
    kind = str(spec.get('type', '')).rsplit('.', 1)[-1]
    return 'BN' if kind == 'SyncBN' else kind


def _compare(then: Any, now: Any, field: str) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        if _kind(then) != _kind(now):
            # their fields mean other things
            yield _line(f'{field}.type', _kind(then), _kind(now))
            return
        for key in {**now, **then}:
            path = f'{field}.{key}' if field else str(key)
            if key == 'type' or _IRRELEVANT.fullmatch(path):
                continue
            # the type is looked up by our config's name alone: a stranger's
            # could make the registry import something
            default = _default(now, key)
            yield from _compare(
                then.get(key, default), now.get(key, default), path)
    elif (isinstance(then, list) and isinstance(now, list)
          and len(then) == len(now)):
        for index, pair in enumerate(zip(then, now)):
            yield from _compare(*pair, f'{field}.{index}')
    elif then != now and {repr(then), repr(now)} != {'None', 'not set'}:
        yield _line(field, then, now)


def _line(field: str, then: Any, now: Any) -> str:
    then, now = (text if len(text) <= 80 else f'{text[:77]}...'
                 for text in map(repr, (then, now)))
    return f'{field}: {then} in training, {now} now'


def _default(spec: dict, name: str) -> Any:
    """What the constructor takes for a field that isn't set."""
    kind = spec.get('type')
    built = kind and (MODELS.get(kind) or TRANSFORMS.get(kind))
    for base in getattr(built, '__mro__', ()):
        parameter = inspect.signature(base.__init__).parameters.get(name)
        if parameter and parameter.default is not parameter.empty:
            default = parameter.default
            return list(default) if isinstance(default, tuple) else default
    return _NOT_SET
