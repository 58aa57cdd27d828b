# Copyright (c) mmteso contributors. All rights reserved.
"""Audio features of whole data sets, computed once and kept in a file."""
import os
from typing import (Callable, Dict, Iterable, Iterator, List, NamedTuple,
                    Optional, Sequence, Tuple)

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mmteso.engine import describe_sound, find_sound_steps
from mmteso.engine.sound_steps import (SPLITS, dataloader_of, dataset_configs,
                                       type_name)
from mmteso.io import Provenance, feature_key, file_sha256, write_feature_file
from mmteso.models.weights import state_sha256

_SHOWN = 10


class ExtractionSummary(NamedTuple):
    """What an extraction has written.

    Attributes:
        clips (int): Number of clips.
        frames (int): Number of features, one per frame.
        provenance (Provenance): Where they come from.
    """
    clips: int
    frames: int
    provenance: Provenance


def find_clips(cfg: Config,
               splits: Sequence[str] = SPLITS,
               subsets: Optional[Sequence[str]] = None) -> List[dict]:
    """List the clips of a config's data sets.

    Args:
        cfg (Config): The config.
        splits (Sequence[str]): Which of its dataloaders: 'train', 'val',
            'test'. Defaults to all.
        subsets (Sequence[str], optional): Read these subsets in place of the
            config's, e.g. 'v1s', 'v1m', 'v2'. Defaults to None.

    Returns:
        list[dict]: A sample of each clip, without its frame.

    Raises:
        ValueError: If the config has no such dataloader, its data set has no
            subsets, or one uid names two sounds.
    """
    clips: Dict[str, dict] = {}
    for split in splits:
        for config in dataset_configs(dataloader_of(cfg, split)['dataset']):
            for variant in _with_subsets(config, subsets):
                _add_clips(clips, DATASETS.build(dict(variant, pipeline=[])))
    return list(clips.values())


def _with_subsets(config: dict,
                  subsets: Optional[Sequence[str]]) -> List[dict]:
    if not subsets:
        return [dict(config)]
    name = type_name(config)
    keys = dict(AVSBenchDataset='subsets', AVSBenchObjectDataset='subset')
    if name not in keys:
        raise ValueError(
            f'{name} has no subsets to choose from; leave them out.')
    return [dict(config, **{keys[name]: subset}) for subset in subsets]


def _add_clips(clips: Dict[str, dict], dataset: Dataset) -> None:
    sounds = ('audio_path', 'log_mel_path')
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        clip = {
            key: info.get(key)
            for key in ('uid', 'subset', 'num_frames', *sounds)
        }
        known = clips.setdefault(clip['uid'], clip)
        if any(known[key] != clip[key] for key in sounds):
            raise ValueError(
                f'the uid "{clip["uid"]}" names two clips with different '
                f'sound: {[known[key] for key in sounds]} and '
                f'{[clip[key] for key in sounds]}. Features are keyed by uid '
                'and frame: extract them to two files.')


class _ClipSound(Dataset):
    """The encoder's input (T, ...) of a clip's frames, or what is wrong."""

    def __init__(self, clips: Sequence[dict], steps: Sequence[dict],
                 input_key: str) -> None:
        self.clips = clips
        self.pipeline = Compose(steps)
        self.input_key = input_key

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple:
        clip = self.clips[index]
        try:
            # one after the other: LoadAudioClip keeps the last files decoded
            sounds = [
                self.pipeline(dict(clip, frame=frame))[self.input_key]
                for frame in range(clip['num_frames'])
            ]
        except (OSError, ValueError) as error:
            # the other broken files are to be named, too
            return clip['uid'], None, str(error)
        return clip['uid'], torch.stack(sounds), ''


def build_audio_encoder(cfg: Config,
                        device: str) -> Tuple[nn.Module, str, dict]:
    """Build the config's audio encoder with its weights.

    Args:
        cfg (Config): With ``model.audio_encoder``.
        device (str): Where it is to run.

    Returns:
        tuple[nn.Module, str, dict]: The encoder in eval mode; SHA-256 of its
        weights' file (of the weights themselves where they are no single
        file), '' for an encoder without weights; and its further arguments.

    Raises:
        ValueError: If the model has no audio encoder, or the encoder has
            weights but no local file to take them from.
        FileNotFoundError: If that file is missing.
    """
    config = cfg.model.get('audio_encoder')
    if config is None:
        raise ValueError(
            "the config's model has no audio_encoder, so nothing says what "
            'to compute. Take a config with one, e.g. audio_encoder='
            "dict(type='VGGish', init_cfg=dict(type='Pretrained', "
            'checkpoint=...)).')
    encoder = MODELS.build(config)
    arguments = {
        key: value
        for key, value in config.items() if key not in ('type', 'init_cfg')
    }
    weights_hash = ''
    if hasattr(encoder, 'weights_hash'):  # its weights are no single file
        encoder.init_weights()  # complains about missing ones
        weights_hash = encoder.weights_hash
    elif encoder.state_dict():
        init_cfg = config.get('init_cfg') or {}
        if init_cfg.get('type') != 'Pretrained':
            raise ValueError(
                f'{type(encoder).__name__} has weights, but its init_cfg '
                f'names no file of them ({dict(init_cfg)}): the features '
                'would be those of random weights. Set model.audio_encoder.'
                "init_cfg=dict(type='Pretrained', checkpoint=FILE).")
        path = init_cfg['checkpoint']
        if '://' in path:
            raise ValueError(
                f'the weights {path!r} of {type(encoder).__name__} are no '
                'local file, whose hash goes to the features. Download it '
                'and name it in model.audio_encoder.init_cfg.checkpoint.')
        encoder.init_weights()  # complains about a missing file
        weights_hash = file_sha256(path)
    return encoder.to(device).eval(), weights_hash, arguments


def extract_audio_features(
    cfg: Config,
    out: str,
    splits: Sequence[str] = SPLITS,
    subsets: Optional[Sequence[str]] = None,
    batch_size: int = 16,
    num_workers: int = 2,
    device: Optional[str] = None,
    progress: Optional[Callable[[Iterable, int],
                                Iterable]] = None) -> ExtractionSummary:
    """Write the audio feature of every frame of a config's data sets.

    Each clip's sound goes once through the config's own transforms and its
    audio encoder, in float32; all frames of a clip are covered, also those
    without a mask. The file appears under its name once it is complete, and
    holds one feature (D) under each ``{uid}/{frame}``; its provenance names
    the encoder, the SHA-256 of its weights' file, and in ``settings`` what
    :func:`mmteso.engine.describe_sound` gives, ``encoder_args`` and
    ``state_sha256``, by which a model checks that the features are of its own
    encoder.

    Args:
        cfg (Config): The config.
        out (str): The file; an existing one is replaced.
        splits (Sequence[str]): See :func:`find_clips`. Defaults to all.
        subsets (Sequence[str], optional): See :func:`find_clips`. Defaults to
            None.
        batch_size (int): Clips that are encoded together. Defaults to 16.
        num_workers (int): Processes that decode sound; 0 decodes in this one.
            Defaults to 2.
        device (str, optional): Of the encoder. Defaults to None: the best
            that there is.
        progress (Callable, optional): Wraps the iterator over the clips,
            whose number is its second argument, e.g. tqdm's bar. Defaults to
            None.

    Returns:
        ExtractionSummary: What was written.

    Raises:
        ValueError: If the config can't be used, or clips can't be read; then
            nothing is written and the first ten are named.
        FileNotFoundError: If data or weights are missing.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    steps = find_sound_steps(cfg, splits)
    encoder, weights_hash, arguments = build_audio_encoder(
        cfg, device or get_device())
    input_key = _check_front_end(encoder, steps)
    settings = dict(
        describe_sound(steps),
        encoder_args=arguments,
        state_sha256=state_sha256(encoder))
    clips = find_clips(cfg, splits, subsets)

    features: Dict[str, Tensor] = {}
    broken: List[str] = []
    loader = DataLoader(
        _ClipSound(clips, steps, input_key),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=list)
    encoded = _encode(loader, encoder)
    for uid, values, error in (progress(encoded, len(clips))
                               if progress else encoded):
        if error:
            broken.append(f'{uid}: {error}')
            continue
        for frame, feature in enumerate(values):
            features[feature_key(uid, frame)] = feature
    if broken:
        shown = ''.join(f'\n  {line}' for line in broken[:_SHOWN])
        if len(broken) > _SHOWN:
            shown += f'\n  ... and {len(broken) - _SHOWN} more'
        raise ValueError(
            f'{len(broken)} of {len(clips)} clips can\'t be read, so nothing '
            f'was written to "{out}":{shown}')
    provenance = Provenance('audio', type(encoder).__name__, weights_hash,
                            len(next(iter(features.values()))), settings)
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    write_feature_file(out, features, provenance)
    return ExtractionSummary(len(clips), len(features), provenance)


def _check_front_end(encoder: nn.Module, steps: Sequence[dict]) -> str:
    """Which key the encoder reads; the last step must make it."""
    wanted = getattr(encoder, 'input_key', 'log_mel')
    made = getattr(TRANSFORMS.build(steps[-1]), 'output_key', None)
    if made != wanted:
        raise ValueError(
            f'{type(encoder).__name__} reads {wanted!r}, but the sound goes '
            f'through {type_name(steps[-1])}, which makes {made!r}. Change '
            'model.audio_encoder, or the pipelines.')
    return wanted


@torch.no_grad()
def _encode(loader: Iterable, encoder: nn.Module) -> Iterator[tuple]:
    """Features (T, D) on the CPU, or an error, clip by clip."""
    device = next((t.device for t in encoder.state_dict().values()),
                  torch.device('cpu'))
    for batch in loader:
        readable = [sounds for _, sounds, error in batch if not error]
        values: Iterator[Tensor] = iter(())
        if readable:
            # TensorFloat-32 would cost three of seven digits
            with torch.backends.cudnn.flags(allow_tf32=False):
                encoded = encoder(torch.cat(readable).to(device)).float()
            values = iter(encoded.cpu().split([len(x) for x in readable]))
        for uid, _, error in batch:
            yield uid, None if error else next(values), error
