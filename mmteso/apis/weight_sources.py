# Copyright (c) mmteso contributors. All rights reserved.
"""Which files a config needs besides the data set, and their sources."""
import os.path as osp
import re
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from mmengine.config import Config

from mmteso.engine.weight_hosts import hash_in_name, same_files
from mmteso.io import read_yaml

SOURCES_FILE = osp.join(osp.dirname(__file__), 'weight_sources.yml')

_WAYS = ('url', 'hf', 'by_hand', 'made_by')
# fields of a config that name a file, whatever has them
_FILE_KEYS = ('pretrained', 'feature_file', 'captions_file')
# types of the config whose `model` is one of transformers
_HF_TYPES = ('SentenceEncoder', 'TransformersCaptioner', 'VideoCaptioner',
             'TransformersReasoner', 'CaptionerReasoner')


class WeightSource(NamedTuple):
    """Where a file comes from: an entry of ``weight_sources.yml``.

    Attributes:
        file (str): Pattern of the reference.
        what (str): What it is.
        url (str, optional): The file; 'config': the reference is it.
        hf (str, optional): Name on the Hugging Face Hub; 'config' as above.
        by_hand (str, optional): What a person has to do.
        made_by (str, optional): The command that makes it.
        license (str, optional): Of the weights.
        size (str, optional): About.
        on_request (str, optional): Page on which access is asked for first.
        sha256 (str, optional): Digits that it begins with; 'name': the last
            part of the file's name.
        needs (tuple[str]): References that ``made_by`` needs.
    """
    file: str
    what: str
    url: Optional[str] = None
    hf: Optional[str] = None
    by_hand: Optional[str] = None
    made_by: Optional[str] = None
    license: Optional[str] = None
    size: Optional[str] = None
    on_request: Optional[str] = None
    sha256: Optional[str] = None
    needs: Tuple[str, ...] = ()

    def matches(self, reference: str) -> bool:
        """Whether this is the source of a file.

        Args:
            reference (str): As the config has it.

        Returns:
            bool: True if it is.
        """
        name = reference.rstrip('/').rsplit('/', 1)[-1]
        return any(
            fnmatchcase(text, self.file)
            for text in (*same_files(reference), name))

    def expected_hash(self, reference: str) -> Optional[str]:
        """Digits that the SHA-256 of the file must begin with.

        Args:
            reference (str): As the config has it.

        Returns:
            str | None: None if they aren't known.

        Raises:
            ValueError: If they are to be in the name, but aren't.
        """
        if self.sha256 != 'name':
            return self.sha256
        digits = hash_in_name(reference)
        if digits is None:
            raise ValueError(f'"{reference}" must end with a hyphen, digits '
                             'of its SHA-256 and a suffix')
        return digits


def read_sources(path: str = SOURCES_FILE) -> List[WeightSource]:
    """Read a list of sources.

    Args:
        path (str): The YAML file. Defaults to the project's.

    Returns:
        list[WeightSource]: In the file's order.

    Raises:
        ValueError: If the file has another structure.
    """
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise ValueError(f'"{path}" must hold a list')
    return [_source(entry, f'"{path}", entry {number}')
            for number, entry in enumerate(entries, 1)]


def _source(entry: Any, where: str) -> WeightSource:
    if not isinstance(entry, dict):
        raise ValueError(f'{where} must be a mapping, but is {entry!r}')
    unknown = sorted(set(entry) - set(WeightSource._fields))
    if unknown:
        raise ValueError(f'{where} has unknown fields {unknown}; known are '
                         f'{list(WeightSource._fields)}')
    entry = dict(entry, needs=tuple(entry.get('needs', ())))
    for name, value in entry.items():
        if not all(
                isinstance(text, str) and text
                for text in (value if name == 'needs' else [value])):
            raise ValueError(f'{where}: {name} must be text, but is {value!r}'
                             ' (quote digits)')
    if not {'file', 'what'} <= set(entry):
        raise ValueError(f'{where} needs the fields file and what')
    if sum(way in entry for way in _WAYS) != 1:
        raise ValueError(f'{where} ({entry["file"]}) needs one of '
                         f'{list(_WAYS)}')
    if not re.fullmatch('name|[0-9a-f]{8,64}', entry.get('sha256', 'name')):
        raise ValueError(f'{where}: sha256 must be 8 to 64 digits, 0-9 and '
                         f'a-f, or name, but is {entry["sha256"]!r}')
    return WeightSource(**entry)


def find_source(reference: str,
                sources: List[WeightSource]) -> Optional[WeightSource]:
    """The first source that fits.

    Args:
        reference (str): As the config has it.
        sources (list[WeightSource]): From :func:`read_sources`.

    Returns:
        WeightSource | None: None if none does.
    """
    return next((s for s in sources if s.matches(reference)), None)


def find_weights(cfg: Config) -> Dict[str, str]:
    """The files that a config names, besides its data set.

    Weights that training starts from (``load_from``, ``init_cfg``), models
    of transformers, cue files, cue banks, cached features, and what text cues
    and their features are made with.

    Args:
        cfg (Config): Any of the project's configs.

    Returns:
        dict[str, str]: By reference (a path, a URL or a name on the Hugging
        Face Hub) the field of the config that has it first.
    """
    found: Dict[str, str] = {}
    if cfg.get('load_from'):
        found[cfg.load_from] = 'load_from'
    # what is built first, then what the config only defines
    top = sorted(cfg.keys(), key=lambda key: key != 'model')
    for key in top:
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
        if 'data_root' in value and key in ('cue_file', 'cue_bank') and item:
            yield osp.join(value['data_root'], item), f'{field}.{key}'
        elif not isinstance(item, str):
            yield from _references(item, f'{field}.{key}')
        elif item and (key in _FILE_KEYS or
                       (key == 'checkpoint' and kind == 'Pretrained') or
                       (key == 'weights' and kind == 'ImageBindText') or
                       (key == 'model' and kind in _HF_TYPES) or
                       # of a text cue config it is what it makes
                       (key == 'cue_file' and kind)):
            yield item, f'{field}.{key}'
