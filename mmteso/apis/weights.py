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

from mmteso.io.weight_hosts import (cached_path, download_file, hash_in_name,
                                    same_files)
from mmteso.io import file_sha256, read_json, read_yaml
from mmteso.optional import require
from mmteso.tables import format_table

# the fields stand at the head of the file
SOURCES_FILE = osp.join(osp.dirname(__file__), 'weight_sources.yml')

# fields of a config that name a file, whatever has them
_FILE_KEYS = ('pretrained', 'captions_file')
# types of the config whose `model` is one of transformers
_HF_TYPES = ('SentenceEncoder', 'TransformersCaptioner', 'VideoCaptioner',
             'TransformersReasoner', 'CaptionerReasoner')
_URLS = ('http://', 'https://')


@dataclass
class WeightFile:
    """A file that configs need."""
    #: As the configs have it: a path, a URL or a name on the Hugging Face Hub.
    reference: str
    #: The config and the field that have it first, or the file made of it.
    used_by: str
    source: dict  #: Its entry in the table of sources; {} if it has none.
    url: Optional[str] = None  #: Its address, if it has one.
    hub_name: Optional[str] = None  #: Its name on the Hub, if it has one.
    #: Where it is, or is to be. '' for a name on the Hub that isn't in the
    #: cache.
    path: str = ''
    #: 'there', 'missing' or 'wrong'; 'unverified' if no SHA-256 is known of
    #: what comes from elsewhere.
    state: str = 'missing'
    detail: str = ''  #: What was found out.

    def __post_init__(self) -> None:
        self.url, self.hub_name = self.source.get('url'), self.source.get('hf')
        self.path = self.reference
        if self.reference.startswith(_URLS):
            self.url = self.reference
            # where mmengine's loader keeps what it has downloaded
            self.path = cached_path(self.reference)
        elif self.hub_name == 'config':
            self.hub_name = self.reference
            if not osp.isdir(self.reference):
                found = require(
                    'huggingface_hub', 'text').try_to_load_from_cache(
                        self.reference, 'config.json')
                self.path = osp.dirname(found) if isinstance(
                    found, str) else ''

    @property
    def fetchable(self) -> bool:
        """Whether anybody can download it."""
        asked = 'on_request' in self.source
        return bool(self.url or self.hub_name) and not asked

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


def find_weights(cfg: Config) -> Dict[str, str]:
    """The files that a config names, besides its data set, by reference with
    the field of the config that has it first.

    Weights that training starts from (``load_from``, ``init_cfg``), models of
    transformers, cue files, cue banks, cached features, and what text cues and
    their features are made with.
    """
    found = {cfg.load_from: 'load_from'} if cfg.get('load_from') else {}
    root = cfg.get('data_root', '')
    # what is built first, then what the config only defines
    for key in sorted(cfg.keys(), key=lambda key: key != 'model'):
        for reference, field in _references(cfg[key], key, root):
            found.setdefault(reference, field)
    return found


def _references(value: Any, field: str,
                root: str) -> Iterator[Tuple[str, str]]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item, field, root)
    if not isinstance(value, dict):
        return
    root = value.get('data_root', root)
    kind = str(value.get('type', '')).rsplit('.', 1)[-1]
    for key, item in value.items():
        if item and (key == 'feature_file' or
                     (key in ('cue_file', 'cue_bank')
                      and 'data_root' in value)):
            yield osp.join(root, item), f'{field}.{key}'
        elif not isinstance(item, str):
            yield from _references(item, f'{field}.{key}', root)
        elif item and (key in _FILE_KEYS or
                       (key == 'checkpoint' and kind == 'Pretrained') or
                       (key == 'weights' and kind == 'ImageBindText') or
                       (key == 'model' and kind in _HF_TYPES)):
            yield item, f'{field}.{key}'


def check_weights(
        configs: Mapping[str, Config],
        hashes: bool = False,
        sources: Optional[List[dict]] = None) -> List[WeightFile]:
    """Look for all files that configs, by name, need, and what missing ones
    are made of; each file once.

    With ``hashes`` SHA-256 is compared as well, which reads the files.
    ``sources`` are by default those of the project's table.
    """
    sources = read_yaml(SOURCES_FILE) if sources is None else sources
    waiting = [(reference, f'{osp.basename(name)}: {field}')
               for name, cfg in configs.items()
               for reference, field in find_weights(cfg).items()]
    files: Dict[str, WeightFile] = {}
    for reference, used_by in waiting:  # which grows
        if reference not in files:
            source = find_source(reference, sources)
            file = WeightFile(reference, used_by, source)
            files[reference] = file
            if osp.exists(file.path):
                _check(file, hashes)
            else:
                waiting += [(other, f'making {reference}')
                            for other in source.get('needs', ())]
    return list(files.values())


def find_source(reference: str, sources: List[dict]) -> dict:
    """The first source whose pattern fits; {} if none does."""
    names = (*same_files(reference), reference.rstrip('/').rsplit('/', 1)[-1])
    for source in sources:
        if any(fnmatchcase(name, source['file']) for name in names):
            return source
    return {}


def _check(file: WeightFile, hashes: bool) -> None:
    """Fill in state and detail of a file that is there."""
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
    it is known, is right. Otherwise it is an OSError, and nothing is kept.
    """
    if file.url:
        download_file(file.url, file.path, file.expected_hash, progress)
        return
    own = file.hub_name == file.reference
    require('huggingface_hub', 'text').snapshot_download(
        file.hub_name, local_dir=None if own else file.reference)


def format_weights(files: List[WeightFile]) -> str:
    """A table of files, and how to get those that aren't there."""
    if not files:
        return 'No files are needed besides the data set.'
    rows, lines = [], []
    for file in files:
        source, name, size = file.source, file.reference, ''
        if name.startswith(_URLS):
            name = osp.basename(name)
        if osp.isfile(file.path):
            size = f'{osp.getsize(file.path) / 1e6:.3g} MB'
        rows.append(
            dict(
                state=file.state,
                size=size or source.get('size', ''),
                license=source.get('license', ''),
                what=source.get('what', 'not known'),
                file=name))
        if file.state != 'there':
            lines.append(f'{file.state}: {name}\n  for {file.used_by}\n  '
                         f'from {file.how}')
        if file.detail:
            lines.append(f'{name}: {file.detail}')
    return '\n'.join([format_table(pd.DataFrame(rows), left=5), *lines])
