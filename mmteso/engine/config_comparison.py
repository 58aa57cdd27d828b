# Copyright (c) mmteso contributors. All rights reserved.
"""Whether a checkpoint was trained with the config that it is tested with."""
import inspect
import logging
import os.path as osp
import re
from typing import Any, Dict, Iterator, List

from mmengine.config import Config
from mmengine.logging import print_log
from mmseg.registry import MODELS, TRANSFORMS

from mmteso.io import parse_config_text

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

# Constructors' defaults that checkpoints were trained with which don't tell
# the version of mmteso (`meta['mmteso_version']`, see PlainCheckpointHook).
_FORMER_DEFAULTS = dict(
    DynamicMask=dict(threshold='mean'),
    SeDAM=dict(no_cue='learned', normalize=False))


class _NotSet:

    def __repr__(self) -> str:
        return 'not set'


_NOT_SET = _NotSet()


def config_differences(meta: Dict[str, Any], cfg: Config) -> List[str]:
    """What of a config makes a model compute something else than in training.

    Compared are the model, without what only training sees (losses, initial
    weights, what is frozen, dropout), and the steps of the test pipeline that
    load and alter pictures, sound and cues, without the paths of their files.
    A field that the config does not set has the constructor's default; one
    that the config of a checkpoint without ``mmteso_version`` does not set is
    a difference.

    Args:
        meta (dict): Of a checkpoint, with the text of its config as ``cfg``.
        cfg (Config): Of the test; with ``tta_model`` as ``model`` the
            pipelines of test-time augmentation are compared.

    Returns:
        list[str]: Lines such as 'model.prompt_encoder.num_heads: 8 in
        training, 4 now', in the order of the config; a step of the test
        pipeline is named by its type.

    Raises:
        ValueError: If ``meta`` has no text of a config.
    """
    if not isinstance(meta.get('cfg'), str):
        raise ValueError("the checkpoint's meta has no text cfg")
    # through the same text, in which classes are names and tuples lists
    then, now = parse_config_text(meta['cfg']), parse_config_text(
        Config(cfg.to_dict(), format_python_code=False).pretty_text)
    loaders = [one.get('test_dataloader') for one in (then, now)]
    banks = [osp.basename(_find(one, 'cue_bank') or '') for one in loaders]
    if not all(banks):  # older configs name it in the pipeline
        banks = ['', '']
    model = now.get('model')
    if isinstance(model, dict) and 'module' in model:
        model = model['module']
        loaders[0] = then.get('tta_pipeline', loaders[0])
    return list(
        _compare(*(dict(model=model, pipeline=_steps(loader), cue_bank=bank)
                   for model, loader, bank in zip((then.get('model'), model),
                                                  loaders, banks)), '',
                 'mmteso_version' in meta))


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
    print_log(message, logger='current', level=logging.WARNING)


def _find(dataloader: Any, key: str) -> Any:
    """A field of the data set in a dataloader, which wrappers may hold."""
    values = dataloader if isinstance(dataloader, list) else []
    if isinstance(dataloader, dict):
        if dataloader.get(key):
            return dataloader[key]
        values = list(dataloader.values())
    return next(filter(None, (_find(value, key) for value in values)), None)


def _steps(part: Any) -> Dict[str, dict]:
    """A pipeline's steps by type, found in a dataloader or a wrapper."""
    if isinstance(part, list):
        steps: Dict[str, dict] = {}
        for step in part:
            for name, spec in _steps(step).items():
                while name in steps:
                    name += "'"
                steps[name] = spec
        return steps
    for key in ('dataset', 'datasets', 'pipeline', 'transforms'):
        if isinstance(part, dict) and key in part:
            # of several data sets the first one's
            return _steps(part[key][0] if key == 'datasets' else part[key])
    return {_kind(part): part} if isinstance(part, dict) else {}


def _kind(spec: dict) -> str:
    """Type without its scope or module, the same for BN on several GPUs."""
    kind = str(spec.get('type', '')).rsplit('.', 1)[-1]
    return 'BN' if kind == 'SyncBN' else kind


def _compare(then: Any, now: Any, field: str,
             versioned: bool) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        if _kind(then) != _kind(now):
            # their fields mean other things
            yield _line(f'{field}.type', _kind(then), _kind(now))
            return
        if not versioned:
            then = {**_FORMER_DEFAULTS.get(_kind(then), {}), **then}
        for key in {**now, **then}:
            path = f'{field}.{key}' if field else str(key)
            if key == 'type' or _IRRELEVANT.fullmatch(path):
                continue
            # the type is looked up by our config's name alone: a stranger's
            # could make the registry import something
            default = _default(now, key)
            yield from _compare(
                then.get(key, default if versioned else _NOT_SET),
                now.get(key, default), path, versioned)
    elif (isinstance(then, list) and isinstance(now, list)
          and len(then) == len(now)):
        for index, pair in enumerate(zip(then, now)):
            yield from _compare(*pair, f'{field}.{index}', versioned)
    elif then != now and {repr(then), repr(now)} != {'None', 'not set'}:
        yield _line(field, then, now)


def _line(field: str, then: Any, now: Any) -> str:
    texts = (text if len(text) <= 80 else f'{text[:77]}...'
             for text in map(repr, (then, now)))
    return f'{field}: {next(texts)} in training, {next(texts)} now'


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
