# Copyright (c) mmteso contributors. All rights reserved.
"""How a config's pipelines load the sound."""
from typing import Any, Dict, Iterator, List, Sequence

from mmengine.config import Config
from mmengine.registry import Registry
from mmseg.registry import TRANSFORMS

from mmteso.audio import vggish_params

SPLITS = ('train', 'val', 'test')
# what makes an audio encoder's input of a waveform
FRONT_ENDS = ('AudioToLogMel', 'AudioToFbank', 'AudioToModelInput')
# what makes other sound of it
ALTERING = ('MuteAudio', 'ReplaceAudioWithNoise', 'ReplaceAudioWithOffScreen',
            'FanOutAudioConditions')
_SOUND = {
    'LoadAudioClip', 'LoadLogMel', 'LoadAudioFeatures', *FRONT_ENDS, *ALTERING
}
_LOG_MEL = ('SAMPLE_RATE', 'WINDOW_SAMPLES', 'HOP_SAMPLES', 'FFT_SAMPLES',
            'NUM_MEL_BINS', 'MEL_MIN_HZ', 'MEL_MAX_HZ', 'MEL_BREAK_HZ',
            'MEL_Q', 'LOG_OFFSET', 'NUM_FRAMES')


def dataset_configs(dataset: dict) -> Iterator[dict]:
    """The data sets with a pipeline, inside of wrappers too; no copies."""
    if 'pipeline' in dataset:
        yield dataset
    inner = dataset.get('dataset')
    for wrapped in [inner] if inner else dataset.get('datasets', ()):
        yield from dataset_configs(wrapped)


def class_of(config: dict, registry: Registry) -> type:
    """The class that a config builds."""
    kind = config['type']
    return registry.get(kind) if isinstance(kind, str) else kind


def type_name(config: dict) -> str:
    """Name of the class that a config builds, without its scope."""
    kind = config['type']
    name = kind if isinstance(kind, str) else kind.__name__
    return name.rsplit('.', 1)[-1]


def dataloader_of(cfg: Config, split: str) -> dict:
    """A config's dataloader of 'train', 'val' or 'test'."""
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {split}_dataloader.')
    return loader


def steps_inside(value: Any) -> Iterator[dict]:
    """All transforms of a pipeline, inside of others too."""
    if isinstance(value, dict):
        if 'type' in value:
            yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from steps_inside(item)


def _sound_steps(pipeline: Sequence[dict], where: str) -> List[dict]:
    """The transforms of a pipeline that load the sound; none if cached."""
    names = [type_name(step) for step in pipeline]
    places = [i for i, name in enumerate(names) if name in _SOUND]
    found = [names[i] for i in places]
    nested = len(found) < sum(
        type_name(step) in _SOUND for step in steps_inside(pipeline))
    if found == ['LoadAudioFeatures'] and not nested:
        return []
    clip = len(found) == 2 and places[1] == places[0] + 1 \
        and found[0] == 'LoadAudioClip' and found[1] in FRONT_ENDS
    if nested or not (clip or found == ['LoadLogMel']):
        raise ValueError(
            f'{where}: expected LoadAudioClip and, right after it, one of '
            f'{", ".join(FRONT_ENDS)}, or LoadLogMel, and nothing that alters '
            'the sound, which is encoded in the model. The transforms are '
            f'{[type_name(step) for step in steps_inside(pipeline)]}.')
    return [dict(pipeline[i]) for i in places]


def find_sound_steps(cfg: Config,
                     splits: Sequence[str] = SPLITS) -> List[dict]:
    """The transforms by which a config's pipelines load the sound: configs of
    ``LoadAudioClip`` and ``AudioToLogMel`` (or another of ``FRONT_ENDS``), or
    of ``LoadLogMel``.

    Looks at the dataloaders of ``splits``, by default all. Pipelines with
    ``LoadAudioFeatures`` are passed over: their sound is what is to be cached.
    If all of the splits have it, the others' pipelines say how the sound is
    loaded. A ValueError if no pipeline loads sound, two do it in different
    ways, or one alters it.
    """
    ways: Dict[str, List[dict]] = {}
    for split in splits:
        for dataset in dataset_configs(dataloader_of(cfg, split)['dataset']):
            steps = _sound_steps(dataset['pipeline'], f'{split}_dataloader')
            if steps:
                # as built, so that a default equals the same value written
                text = ', '.join(repr(TRANSFORMS.build(s)) for s in steps)
                ways[text] = steps
    others = [
        split for split in SPLITS
        if split not in splits and cfg.get(f'{split}_dataloader')
    ]
    if not ways and others:
        return find_sound_steps(cfg, others)
    if len(ways) != 1:
        raise ValueError('features in one file are of sound that is loaded in '
                         f'one way, but the config has {list(ways) or "none"}')
    return next(iter(ways.values()))


def describe_sound(steps: Sequence[dict]) -> Dict[str, Any]:
    """What about the sound's way to the encoder, :func:`find_sound_steps`,
    changes the numbers.

    Gives ``sound`` ('waveform' or 'log_mel', AVSBench's files), ``clip_hop``
    in seconds, ``last_clip`` (see :func:`mmteso.audio.last_clip_rule`); of
    waveforms ``sample_rate``, ``resampling``, ``window`` if set, and
    ``log_mel``, the constants of ``AudioToLogMel``, or ``front_end``, the
    config of another front end, with its settings as ``extractor``, if it has
    any.
    """
    if type_name(steps[0]) == 'LoadLogMel':
        # AVSBench's preprocessing: consecutive VGGish examples
        return dict(sound='log_mel', clip_hop=0.96, last_clip='repeated')
    source = TRANSFORMS.build(steps[0])
    settings = dict(
        sound='waveform',
        clip_hop=float(source.clip_hop),
        last_clip=source.last_clip,
        sample_rate=int(source.sample_rate),
        resampling='soxr HQ')
    if source.window is not None:
        settings['window'] = float(source.window)
    if len(steps) == 1 or type_name(steps[1]) == 'AudioToLogMel':
        settings['log_mel'] = {
            name.lower(): getattr(vggish_params, name)
            for name in _LOG_MEL
        }
        return settings
    settings['front_end'] = dict(steps[1], type=type_name(steps[1]))
    front_end = TRANSFORMS.build(steps[1])
    if hasattr(front_end, 'settings'):
        settings['extractor'] = front_end.settings()
    return settings
