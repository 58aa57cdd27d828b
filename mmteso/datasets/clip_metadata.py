# Copyright (c) mmteso contributors. All rights reserved.
"""Reads the CSV files of clips, ``metadata.csv`` above all."""
import csv
import io
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from mmteso.io import read_text
from .avsbench_meta import names_unseen_source, parse_a_obj

#: Columns of ``metadata.csv`` as released, and those that are read.
COLUMNS = ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label')
REQUIRED_COLUMNS = ('uid', 'a_obj', 'split', 'label')


class ClipRow(NamedTuple):
    """One clip of the metadata."""
    uid: str  # unique in the file (vid isn't)
    subset: str  # the folder that holds it
    split: str  # 'train', 'val', 'test'; V3's lists have other words
    a_obj: Tuple[str, ...]  # classes that sound in it, cleaned
    vid: str = ''  # the video that it was cut from, if the file says it
    unseen_source: bool = False  # whether something unlabelled sounds


def leads_inside(name: str) -> bool:
    """Whether a path of a file's names a folder below where it is joined."""
    return '\0' not in name and not {'', '.', '..'} & set(name.split('/'))


def read_csv(path: str,
             release: str,
             backend_args: Optional[dict] = None
             ) -> List[Tuple[int, List[str]]]:
    """Number and stripped cells of each line that isn't empty."""
    try:
        text = read_text(path, backend_args)
    except FileNotFoundError as err:
        raise FileNotFoundError(
            f'no metadata file {path}; expected the CSV file of the {release} '
            'there (data_root/ann_file)') from err
    reader = csv.reader(io.StringIO(text, newline=''))
    try:
        return [(reader.line_num, row) for raw in reader
                if any(row := [cell.strip() for cell in raw])]
    except csv.Error as err:
        raise ValueError(f'{path}, line {reader.line_num}: {err}; is a '
                         'quotation mark left open before?') from err


def read_clip_metadata(path: str,
                       class_names: Sequence[str],
                       split: Union[str, Sequence[str], None],
                       subsets: Optional[Sequence[str]],
                       backend_args: Optional[dict] = None
                       ) -> List[ClipRow]:
    """Read the clips of some splits and subsets (None: of all), in the file's
    order.

    Every row is checked, also those that are not returned: a ValueError if a
    column is missing, a class is none of ``class_names``, a uid is empty,
    used twice or leads elsewhere ('../x'), or a split or subset has no row.
    """
    lines = read_csv(path, 'AVSBench-semantic layout', backend_args)
    columns = lines[0][1] if lines else []
    absent = set(REQUIRED_COLUMNS).difference(columns)
    if absent or len(set(columns)) < len(columns):
        raise ValueError(
            f'{path} lacks the columns {sorted(absent)} or has one twice; it '
            f'has {columns}, expected {list(REQUIRED_COLUMNS)}')

    splits = (split, ) if isinstance(split, str) else split
    rows, uids, found = [], set(), set()
    for number, row in lines[1:]:
        where = f'{path}, line {number}'
        if len(row) != len(columns):
            raise ValueError(f'{where}: more or fewer values than the '
                             f'{len(columns)} columns of the header')
        values = dict(zip(columns, row))
        uid, subset = values['uid'], values['label']
        if uid in uids or not (leads_inside(uid) and leads_inside(subset)):
            raise ValueError(
                f'{where}: uid {uid!r}, label {subset!r}; expected a uid that '
                'no other line has, and the subset as label; both name folders'
                " and have no '..'")
        uids.add(uid)
        found.add((values['split'], subset))
        try:
            a_obj = parse_a_obj(values['a_obj'], class_names)
        except ValueError as err:
            raise ValueError(f'{where}: {err}') from err
        if (subsets is None or subset in subsets) and (
                splits is None or values['split'] in splits):
            rows.append(
                ClipRow(uid, subset, values['split'], a_obj,
                        values.get('vid', ''),
                        names_unseen_source(values['a_obj'])))
    if not rows or set(splits or ()) - {name for name, _ in found}:
        raise ValueError(
            f'{path} has no clip of split {split!r} in the subsets {subsets}; '
            f'it has {len(uids)} clips, of the splits and subsets '
            f'{sorted(found)} (split=None takes all splits)')
    return rows
