# Copyright (c) mmteso contributors. All rights reserved.
"""The files that configs need besides the data set: where from, there, whole.

``weight_sources.yml`` is the table of sources.
"""
import os
import os.path as osp
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import pandas as pd
from mmengine.config import Config

from mmteso.engine.weight_hosts import (cached_path, download_file,
                                        hash_in_name, same_files)
from mmteso.io import file_sha256, read_json, read_yaml
from mmteso.optional import require
from mmteso.visualization import format_table

# the fields stand at the head of the file
SOURCES_FILE = osp.join(osp.dirname(__file__), 'weight_sources.yml')

# fields of a config that name a file, whatever has them
_FILE_KEYS = ('pretrained', 'bank_file', 'feature_file', 'captions_file')
# types of the config whose `model` is one of transformers
_HF_TYPES = ('SentenceEncoder', 'TransformersCaptioner', 'VideoCaptioner',
             'TransformersReasoner', 'CaptionerReasoner')
_URLS = ('http://', 'https://')


@dataclass
class WeightFile:
    """A file that configs need.

    Attributes:
        reference (str): As the configs have it: a path, a URL or a name on
            the Hugging Face Hub.
        used_by (str): The config and the field that have it first, or the
            file that is made of it.
        source (dict): Its entry in the table of sources; {} if it has none.
        path (str, optional): Where it is, or is to be, on this machine. None
            for a name on the Hub that isn't in the cache.
        state (str): 'there', 'missing' or 'wrong'; 'unverified' if no SHA-256
            is known of what comes from elsewhere.
        detail (str): What was found out.
    """
    reference: str
    used_by: str
    source: dict
    path: Optional[str] = None
    state: str = 'missing'
    detail: str = ''

    @property
    def url(self) -> Optional[str]:
        """Address of the file, if it has one."""
        if self.reference.startswith(_URLS):
            return self.reference
        return self.source.get('url')

    @property
    def hub_name(self) -> Optional[str]:
        """Name on the Hugging Face Hub, if it has one."""
        name = self.source.get('hf')
        return self.reference if name == 'config' else name

    @property
    def fetchable(self) -> bool:
        """Whether anybody can download it."""
        return bool(
            self.url or self.hub_name) and 'on_request' not in self.source

    @property
    def expected_hash(self) -> Optional[str]:
        """Digits that its SHA-256 must begin with, if they are known."""
        known = self.source.get('sha256')
        return hash_in_name(self.reference) if known == 'name' else known

    @property
    def how(self) -> str:
        """How to get it, in a line."""
        source = self.source
        if self.url:
            return f'{" or ".join(same_files(self.url))} to {self.path}'
        if self.hub_name:
            text = f'hf download {self.hub_name}'
            if self.hub_name != self.reference:
                text += f' --local-dir {self.path}'
            if 'on_request' in source:
                text += f', after asking for access on {source["on_request"]}'
            return text
        return source.get('by_hand') or source.get('made_by', 'not known')


def find_source(reference: str, sources: List[dict]) -> dict:
    """The first source whose pattern fits; {} if none does."""
    names = (*same_files(reference), reference.rstrip('/').rsplit('/', 1)[-1])
    for source in sources:
        if any(fnmatchcase(name, source['file']) for name in names):
            return source
    return {}


def find_weights(cfg: Config) -> Dict[str, str]:
    """The files that a config names, besides its data set.

    Weights that training starts from (``load_from``, ``init_cfg``), models
    of transformers, cue files, cue banks, cached features, and what text cues
    and their features are made with.

    Returns:
        dict[str, str]: By reference the field of the config that has it first.
    """
    found: Dict[str, str] = {}
    if cfg.get('load_from'):
        found[cfg.load_from] = 'load_from'
    # what is built first, then what the config only defines
    for key in sorted(cfg.keys(), key=lambda key: key != 'model'):
        for reference, field in _references(cfg[key], key):
            found.setdefault(reference, field)
    return found


def _references(value: Any, field: str) -> Iterator[Tuple[str, str]]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item, field)
    if not isinstance(value, dict):
        return
    kind = str(value.get('type', '')).rsplit('.', 1)[-1]
    for key, item in value.items():
        if not isinstance(item, str):
            yield from _references(item, f'{field}.{key}')
        elif item and (key in _FILE_KEYS or
                       (key == 'checkpoint' and kind == 'Pretrained') or
                       (key == 'weights' and kind == 'ImageBindText') or
                       (key == 'model' and kind in _HF_TYPES) or
                       # of a text cue config it is what it makes
                       (key == 'cue_file' and kind)):
            yield item, f'{field}.{key}'


def check_weights(
        configs: Mapping[str, Config],
        hashes: bool = False,
        sources: Optional[List[dict]] = None) -> List[WeightFile]:
    """Look for all files that configs need, and what missing ones are made of.

    Args:
        configs (Mapping[str, Config]): By name.
        hashes (bool): Compare SHA-256 as well, which reads the files.
            Defaults to False.
        sources (list[dict], optional): Defaults to the project's table.

    Returns:
        list[WeightFile]: Each file once.
    """
    sources = read_yaml(SOURCES_FILE) if sources is None else sources
    waiting = [(reference, f'{osp.basename(name)}: {field}')
               for name, cfg in configs.items()
               for reference, field in find_weights(cfg).items()]
    files: Dict[str, WeightFile] = {}
    for reference, used_by in waiting:  # which grows
        if reference in files:
            continue
        file = WeightFile(reference, used_by, find_source(reference, sources))
        files[reference] = file
        _look(file, hashes)
        if file.state == 'missing':
            waiting += [(other, f'making {reference}')
                        for other in file.source.get('needs', ())]
    return list(files.values())


def _look(file: WeightFile, hashes: bool) -> None:
    """Fill in path, state and detail."""
    file.path = file.reference
    if file.reference.startswith(_URLS):
        # where mmengine's loader keeps what it has downloaded
        file.path = cached_path(file.reference)
    elif file.source.get('hf') == 'config' and not osp.isdir(file.reference):
        file.path = _in_hub_cache(file.reference)
    if file.path is None or not osp.exists(file.path):
        return
    # what is made here has no hash that anybody could know
    file.state = (
        'there' if 'made_by' in file.source or not hashes else 'unverified')
    if osp.isdir(file.path):
        lacking = _lacking(file.path)
        file.detail = 'folder'
        if lacking:
            file.state = 'wrong'
            file.detail = f'the folder has no {", ".join(lacking)}'
    elif osp.getsize(file.path) == 0:
        file.state, file.detail = 'wrong', 'empty'
    elif hashes:
        expected, found = file.expected_hash, file_sha256(file.path)
        file.detail = f'SHA-256 {found}, not known'
        if expected:
            good = found.startswith(expected)
            file.state = 'there' if good else 'wrong'
            file.detail = f'SHA-256 {expected}... matches' if good else \
                f'SHA-256 {found}, but {expected}... is expected'


def _in_hub_cache(name: str) -> Optional[str]:
    """Where the local cache of the Hub has a model."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    path = try_to_load_from_cache(name, 'config.json')
    return osp.dirname(path) if isinstance(path, str) else None


def _lacking(folder: str) -> List[str]:
    """What a model of transformers needs and a folder does not have."""
    names = os.listdir(folder)
    weights = any(name.endswith(('.safetensors', '.bin')) for name in names)
    needed = ['config.json'] + ['*.safetensors'] * (not weights)
    # what a download that was broken off leaves
    for name in names:
        if name.endswith('.index.json'):
            index = read_json(osp.join(folder, name))
            needed += index.get('weight_map', {}).values()
    return [name for name in dict.fromkeys(needed) if name not in names]


def download_weights(file: WeightFile, progress: bool = True) -> None:
    """Download a file from its hosts, or a model by huggingface_hub.

    A file appears under its name when it is complete and its SHA-256, where
    it is known, is right.

    Raises:
        OSError: If the download fails, or all hosts give a file of another
            SHA-256; nothing is kept.
    """
    if file.url:
        download_file(file.url, file.path, file.expected_hash, progress)
    else:
        require('huggingface_hub', 'text').snapshot_download(
            file.hub_name,
            local_dir=None
            if file.hub_name == file.reference else file.reference)


def format_weights(files: List[WeightFile]) -> str:
    """A table of files, and how to get those that aren't there."""
    if not files:
        return 'No files are needed besides the data set.'
    rows, lines = [], []
    for file in files:
        name = file.reference
        if name.startswith(_URLS):
            name = osp.basename(name)
        size = file.source.get('size', '')
        if file.path and osp.isfile(file.path):
            size = f'{osp.getsize(file.path) / 1e6:.3g} MB'
        rows.append([
            file.state, size,
            file.source.get('license', ''),
            file.source.get('what', 'not known'), name
        ])
        if file.state != 'there':
            lines.append(f'{file.state}: {name}\n  for {file.used_by}\n  '
                         f'from {file.how}')
        if file.detail:
            lines.append(f'{name}: {file.detail}')
    table = pd.DataFrame(
        rows, columns=['state', 'size', 'license', 'what', 'file'])
    return '\n'.join([format_table(table, left=5), *lines])
