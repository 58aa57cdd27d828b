# Copyright (c) mmteso contributors. All rights reserved.
"""Audio features of whole data sets, computed once and kept in a file."""
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset
from tqdm import tqdm

from mmteso.engine import describe_sound, find_sound_steps
from mmteso.engine.sound_steps import (SPLITS, dataloader_of, dataset_configs,
                                       type_name)
from mmteso.io import Provenance, feature_key, file_sha256, write_feature_file
from mmteso.models.weights import state_sha256

_SHOWN = 10


class ExtractionSummary(NamedTuple):
    """What was written: numbers of clips and of frames, and where from."""
    clips: int
    frames: int
    provenance: Provenance


@torch.no_grad()
def extract_audio_features(cfg: Config,
                           out: str,
                           splits: Sequence[str] = SPLITS,
                           subsets: Sequence[str] = (),
                           batch_size: int = 80,
                           num_workers: int = 2,
                           device: Optional[str] = None) -> ExtractionSummary:
    """Write the audio feature of every frame of a config's data sets.

    The sound goes through the config's own transforms and its audio encoder,
    in float32; all frames of a clip are covered, also those without a mask.
    The file appears under its name once it is complete, and holds one feature
    (D) under each ``{uid}/{frame}``; its provenance names the encoder, the
    SHA-256 of its weights' file, and in ``settings`` what
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
        batch_size (int): Frames that are encoded together. Defaults to 80.
        num_workers (int): Processes that decode sound. Defaults to 2.
        device (str, optional): Of the encoder. Defaults to None: the best
            that there is.

    Returns:
        ExtractionSummary: What was written.

    Raises:
        ValueError: If the config can't be used, or sounds can't be read; then
            nothing is written and the first ten are named.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    device = device or get_device()
    steps = find_sound_steps(cfg, splits)
    encoder, weights_hash, arguments = _build_encoder(cfg, device)
    input_key = getattr(encoder, 'input_key', 'log_mel')
    made = getattr(TRANSFORMS.build(steps[-1]), 'output_key', None)
    if made != input_key:
        raise ValueError(
            f'{type(encoder).__name__} reads {input_key!r}, but the sound '
            f'goes through {type_name(steps[-1])}, which makes {made!r}. '
            'Change model.audio_encoder, or the pipelines.')
    configs = [
        config for split in splits
        for config in dataset_configs(dataloader_of(cfg, split)['dataset'])
    ]
    sounds = ConcatDataset([
        _Sounds(dict(config, **change), steps, input_key)
        for config in configs
        # AVSBench-object's data sets have one subset
        for change in [{('subset' if 'subset' in config else 'subsets'): x}
                       for x in subsets] or [{}]
    ])
    loader = DataLoader(
        sounds, batch_size, num_workers=num_workers, collate_fn=list)
    features: Dict[str, Tensor] = {}
    paths: Dict[str, str] = {}
    broken: Dict[str, str] = {}
    # disable=None: no bar where the output is no terminal
    for batch in tqdm(loader, unit='batch', disable=None):
        for key, path, _, error in batch:
            if paths.setdefault(key, path) != path:
                raise ValueError(
                    f'"{key}" names two sounds, {paths[key]} and {path}: '
                    'extract their features to two files.')
            if error:
                broken.setdefault(path, f'\n  {key}: {error}')
        readable = [(key, x) for key, _, x, error in batch if not error]
        if readable:
            # TensorFloat-32 would cost three of seven digits
            with torch.backends.cudnn.flags(allow_tf32=False):
                inputs = torch.stack([x for _, x in readable]).to(device)
                encoded = encoder(inputs).float().cpu()
            features.update(zip((key for key, _ in readable), encoded))
    clips = len(set(paths.values()))
    if broken:
        more = len(broken) - _SHOWN
        raise ValueError(
            f'{len(broken)} of {clips} clips can\'t be read, so nothing was '
            f'written to "{out}":{"".join(list(broken.values())[:_SHOWN])}' +
            (f'\n  ... and {more} more' if more > 0 else ''))
    settings = dict(
        describe_sound(steps),
        encoder_args=arguments,
        state_sha256=state_sha256(encoder))
    provenance = Provenance('audio', type(encoder).__name__, weights_hash,
                            len(next(iter(features.values()))), settings)
    write_feature_file(out, features, provenance)
    return ExtractionSummary(clips, len(features), provenance)


class _Sounds(Dataset):
    """Key, file and encoder's input of all frames, or what is wrong."""

    def __init__(self, config: dict, steps: Sequence[dict],
                 input_key: str) -> None:
        # also those frames that have no mask
        self.dataset = DATASETS.build(
            dict(config, pipeline=[], with_masks=False))
        self.pipeline, self.input_key = Compose(steps), input_key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple:
        info = self.dataset.get_data_info(index)
        path = info.get('audio_path') or info.get('log_mel_path')
        key = feature_key(info['uid'], info['frame'])
        try:
            return key, path, self.pipeline(info)[self.input_key], ''
        except (OSError, ValueError) as error:
            # the other broken files are to be named, too
            return key, path, None, str(error)


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
