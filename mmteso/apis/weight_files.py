# Copyright (c) mmteso contributors. All rights reserved.
"""Whether the files that configs need are there and whole; downloading."""
import json
import os
import os.path as osp
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from mmengine.config import Config
from prettytable import PrettyTable

from mmteso.engine.weight_hosts import cached_path, download_file, same_files
from mmteso.io import file_sha256
from mmteso.optional import require
from .weight_sources import (WeightSource, find_source, find_weights,
                             read_sources)

THERE, MISSING, WRONG = 'there', 'missing', 'wrong'
#: There, but nobody told what its SHA-256 should be.
UNVERIFIED = 'unverified'

_URLS = ('http://', 'https://')
_HF_WEIGHTS = ('.safetensors', '.bin')


class WeightFile(NamedTuple):
    """A file that configs need.

    Attributes:
        reference (str): As the configs have it: a path, a URL or a name on
            the Hugging Face Hub.
        used_by (str): The field that has it first, and of which config where
            there are several; or the file that is made of it.
        path (str, optional): Where it is, or is to be, on this machine. None
            for a name on the Hub that isn't in the cache.
        state (str): 'there', 'missing' or 'wrong'; 'unverified' if hashes
            were asked for and none is known of what comes from elsewhere.
        detail (str): What was found out.
        source (WeightSource, optional): None if the sources don't have it.
    """
    reference: str
    used_by: str
    path: Optional[str]
    state: str
    detail: str
    source: Optional[WeightSource]

    @property
    def url(self) -> Optional[str]:
        """Address of the file, if it has one."""
        url = self.source.url if self.source else None
        if url == 'config' or (url is None
                               and self.reference.startswith(_URLS)):
            return self.reference
        return url

    @property
    def hub_name(self) -> Optional[str]:
        """Name on the Hugging Face Hub, if it has one."""
        name = self.source.hf if self.source else None
        return self.reference if name == 'config' else name

    @property
    def fetchable(self) -> bool:
        """Whether anybody can download it."""
        asked = self.source and self.source.on_request
        return bool(self.url or self.hub_name) and not asked

    @property
    def how(self) -> str:
        """How to get it, in a line."""
        if self.url:
            return f'{" or ".join(same_files(self.url))} to {self.path}'
        if self.hub_name:
            place = '' if self.hub_name == self.reference else \
                f' --local-dir {self.path}'
            asked = self.source.on_request
            return (f'hf download {self.hub_name}{place}' +
                    (f', after asking for access on {asked}' if asked else ''))
        if self.source is None:
            return 'not known'
        return self.source.by_hand or self.source.made_by


def check_weights(configs: Mapping[str, Config],
                  hashes: bool = False,
                  sources: Optional[List[WeightSource]] = None
                  ) -> List[WeightFile]:
    """Look for all files that configs need.

    What a missing file is made of is needed, too.

    Args:
        configs (Mapping[str, Config]): By name.
        hashes (bool): Compare SHA-256 as well, which reads the files.
            Defaults to False.
        sources (list[WeightSource], optional): Defaults to None: the
            project's.

    Returns:
        list[WeightFile]: Each file once.
    """
    sources = read_sources() if sources is None else sources
    needed: Dict[str, str] = {}
    for name, cfg in configs.items():
        for reference, field in find_weights(cfg).items():
            if len(configs) > 1:
                field = f'{osp.basename(name)}: {field}'
            needed.setdefault(reference, field)
    files: Dict[str, WeightFile] = {}
    waiting = list(needed.items())
    while waiting:
        reference, used_by = waiting.pop(0)
        if reference in files:
            continue
        file = _look(reference, used_by, find_source(reference, sources),
                     hashes)
        files[reference] = file
        if file.state == MISSING and file.source:
            waiting += [(other, f'making {reference}')
                        for other in file.source.needs]
    return list(files.values())


def _look(reference: str, used_by: str, source: Optional[WeightSource],
          hashes: bool) -> WeightFile:
    file = WeightFile(reference, used_by, reference, MISSING, '', source)
    if reference.startswith(_URLS):
        # where mmengine's loader keeps what it has downloaded
        file = file._replace(path=cached_path(reference))
    elif source and source.hf == 'config' and not osp.isdir(reference):
        path, detail = _in_hub_cache(reference)
        file = file._replace(path=path, detail=detail)
    if file.path is None or not osp.exists(file.path):
        return file
    if osp.isdir(file.path):
        state, detail = _look_into_folder(file.path)
        if hashes and state == THERE:
            state, detail = _state_without_hash(source), 'folder, not hashed'
    else:
        state, detail = _look_into_file(file, hashes)
    return file._replace(state=state, detail=detail)


def _in_hub_cache(name: str) -> Tuple[Optional[str], str]:
    """Where the local cache of the Hub has a model."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None, 'the package huggingface_hub is not installed'
    path = try_to_load_from_cache(name, 'config.json')
    if isinstance(path, str):
        return osp.dirname(path), ''
    return None, 'not in the cache of the Hugging Face Hub'


def _look_into_folder(path: str) -> Tuple[str, str]:
    names = os.listdir(path)
    lacking = [] if 'config.json' in names else ['config.json']
    if not any(name.endswith(_HF_WEIGHTS) for name in names):
        lacking.append('weights (*.safetensors or *.bin)')
    if lacking:
        return WRONG, f'the folder has no {" and no ".join(lacking)}'
    # what a download that was broken off leaves
    for name in list(names):
        if name.endswith('.index.json'):
            with open(osp.join(path, name), encoding='utf-8') as file:
                names += json.load(file).get('weight_map', {}).values()
    absent = sorted({n for n in names if not osp.exists(osp.join(path, n))})
    if absent:
        return WRONG, f'the folder has no {", ".join(absent)}'
    return THERE, 'folder'


def _state_without_hash(source: Optional[WeightSource]) -> str:
    """What is made here has no hash that anybody could know."""
    return THERE if source and source.made_by else UNVERIFIED


def _look_into_file(file: WeightFile, hashes: bool) -> Tuple[str, str]:
    size = osp.getsize(file.path)
    if size == 0:
        return WRONG, 'empty'
    if not hashes:
        return THERE, ''
    expected = file.source and file.source.expected_hash(file.reference)
    found = file_sha256(file.path)
    if not expected:
        return _state_without_hash(file.source), f'SHA-256 {found}, not known'
    if found.startswith(expected):
        return THERE, f'SHA-256 {expected}... matches'
    return WRONG, f'SHA-256 {found}, but {expected}... is expected'


def download_weights(file: WeightFile, progress: bool = True) -> None:
    """Download a file from its hosts, or a model by huggingface_hub.

    A file appears under its name when it is complete and its SHA-256, where
    it is known, is right.

    Args:
        file (WeightFile): From :func:`check_weights`.
        progress (bool): Show a bar. Defaults to True.

    Raises:
        ValueError: If it has no address.
        OSError: If the download fails, or all hosts give a file of another
            SHA-256; nothing is kept.
        ImportError: If it needs huggingface_hub, and that isn't installed.
    """
    if file.url:
        expected = file.source and file.source.expected_hash(file.reference)
        download_file(file.url, file.path, expected, progress)
    elif file.hub_name:
        place = None if file.hub_name == file.reference else file.path
        require('huggingface_hub', 'text').snapshot_download(
            file.hub_name, local_dir=place)
    else:
        raise ValueError(f'"{file.reference}" can\'t be downloaded: '
                         f'{file.how}')


def format_weights(files: List[WeightFile]) -> str:
    """A table of files, and how to get those that aren't there.

    Args:
        files (list[WeightFile]): From :func:`check_weights`.

    Returns:
        str: Lines of text.
    """
    if not files:
        return 'No files are needed besides the data set.'
    table = PrettyTable(['state', 'size', 'license', 'what', 'file'])
    table.align = 'l'
    lines = []
    for file in files:
        source = file.source
        name = file.reference
        if name.startswith(_URLS):
            name = osp.basename(name)
        table.add_row([
            file.state, _size(file), source and source.license or '',
            source.what if source else 'not known', name
        ])
        if file.state != THERE:
            lines.append(f'{file.state}: {name}\n  for {file.used_by}\n  '
                         f'from {file.how}')
        if file.detail:
            lines.append(f'{name}: {file.detail}')
    return '\n'.join([table.get_string(), *lines])


def _size(file: WeightFile) -> str:
    if file.path and osp.isfile(file.path):
        size = osp.getsize(file.path)
        for unit, factor in (('GB', 1e9), ('MB', 1e6), ('kB', 1e3)):
            if size >= factor:
                return f'{size / factor:.1f} {unit}'
        return f'{size} B'
    return file.source and file.source.size or ''
