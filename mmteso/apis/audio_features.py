# Copyright (c) mmteso contributors. All rights reserved.
"""Audio features of whole data sets, computed once and kept in a file."""
import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from mmteso.engine import describe_sound, find_sound_steps
from mmteso.engine.sound_steps import (SPLITS, dataloader_of, dataset_configs,
                                       type_name)
from mmteso.io import Provenance, feature_key, file_sha256, write_feature_file
from mmteso.models.state_hash import state_sha256

_SHOWN = 10
_SOUNDS = ('audio_path', 'log_mel_path')


class ExtractionSummary(NamedTuple):
    """What was written: numbers of clips and of frames, and where from."""
    clips: int
    frames: int
    provenance: Provenance


def extract_audio_features(cfg: Config,
                           out: str,
                           splits: Sequence[str] = SPLITS,
                           subsets: Sequence[str] = (),
                           batch_size: int = 16,
                           num_workers: int = 2,
                           device: Optional[str] = None) -> ExtractionSummary:
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
        splits (Sequence[str]): Which of its dataloaders: 'train', 'val',
            'test'. Defaults to all.
        subsets (Sequence[str]): Read these subsets in place of the config's,
            e.g. 'v1s', 'v1m', 'v2'. Defaults to ().
        batch_size (int): Clips that are encoded together. Defaults to 16.
        num_workers (int): Processes that decode sound. Defaults to 2.
        device (str, optional): Of the encoder. Defaults to None: the best
            that there is.

    Returns:
        ExtractionSummary: What was written.

    Raises:
        ValueError: If the config can't be used, or clips can't be read; then
            nothing is written and the first ten are named.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    steps = find_sound_steps(cfg, splits)
    encoder, weights_hash, arguments = _build_encoder(
        cfg, device or get_device())
    input_key = getattr(encoder, 'input_key', 'log_mel')
    made = getattr(TRANSFORMS.build(steps[-1]), 'output_key', None)
    if made != input_key:
        raise ValueError(
            f'{type(encoder).__name__} reads {input_key!r}, but the sound '
            f'goes through {type_name(steps[-1])}, which makes {made!r}. '
            'Change model.audio_encoder, or the pipelines.')
    settings = dict(
        describe_sound(steps),
        encoder_args=arguments,
        state_sha256=state_sha256(encoder))
    clips = _find_clips(cfg, splits, subsets)
    loader = DataLoader(
        _ClipSound(clips, steps, input_key),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=list)
    features: Dict[str, Tensor] = {}
    broken: List[str] = []
    # disable=None: no bar where the output is no terminal
    for uid, values, error in tqdm(
            _encode(loader, encoder), total=len(clips), unit='clip',
            disable=None):
        if error:
            broken.append(f'\n  {uid}: {error}')
            continue
        for frame, feature in enumerate(values):
            features[feature_key(uid, frame)] = feature
    if broken:
        more = len(broken) - _SHOWN
        raise ValueError(
            f'{len(broken)} of {len(clips)} clips can\'t be read, so nothing '
            f'was written to "{out}":{"".join(broken[:_SHOWN])}' +
            (f'\n  ... and {more} more' if more > 0 else ''))
    provenance = Provenance('audio', type(encoder).__name__, weights_hash,
                            len(next(iter(features.values()))), settings)
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    write_feature_file(out, features, provenance)
    return ExtractionSummary(len(clips), len(features), provenance)


def _build_encoder(cfg: Config, device: str) -> Tuple[nn.Module, str, dict]:
    """The encoder in eval mode, SHA-256 of its weights, other arguments."""
    config = cfg.model.get('audio_encoder')
    if config is None:
        raise ValueError("the config's model has no audio_encoder, so nothing "
                         'says what to compute.')
    encoder = MODELS.build(config)
    weights_hash = ''
    if hasattr(encoder, 'weights_hash'):  # its weights are no single file
        encoder.init_weights()  # complains about missing ones
        weights_hash = encoder.weights_hash
    elif encoder.state_dict():
        path = (config.get('init_cfg') or {}).get('checkpoint', '')
        if not path or '://' in path:
            raise ValueError(
                f'{type(encoder).__name__} needs a local file of weights, '
                'whose hash goes to the features. Set model.audio_encoder.'
                "init_cfg=dict(type='Pretrained', checkpoint=FILE).")
        encoder.init_weights()  # complains about a missing file
        weights_hash = file_sha256(path)
    arguments = {
        key: value
        for key, value in config.items() if key not in ('type', 'init_cfg')
    }
    return encoder.to(device).eval(), weights_hash, arguments


def _find_clips(cfg: Config, splits: Sequence[str],
                subsets: Sequence[str]) -> List[dict]:
    """A sample of each clip, without its frame."""
    clips: Dict[str, dict] = {}
    for config in (
            config for split in splits
            for config in dataset_configs(dataloader_of(cfg, split)['dataset'])
    ):
        # AVSBench-object's data sets have one subset
        key = 'subset' if 'subset' in config else 'subsets'
        for change in [{key: x} for x in subsets] or [{}]:
            dataset = DATASETS.build(dict(config, pipeline=[], **change))
            for index in range(len(dataset)):
                info = dataset.get_data_info(index)
                clip = {
                    name: info.get(name)
                    for name in ('uid', 'num_frames', *_SOUNDS)
                }
                known = clips.setdefault(clip['uid'], clip)
                if known != clip:
                    raise ValueError(
                        f'the uid "{clip["uid"]}" names two clips with '
                        f'different sound: {known} and {clip}. Features are '
                        'keyed by uid and frame: extract them to two files.')
    return list(clips.values())


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


@torch.no_grad()
def _encode(loader: DataLoader, encoder: nn.Module) -> Iterator[tuple]:
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
