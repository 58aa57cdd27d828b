# Copyright (c) mmteso contributors. All rights reserved.
"""Tables of an ablation's results."""
import statistics
from typing import Any, Mapping, Sequence, Tuple

from mmteso.engine import protocols
from .ablations import Row

#: A column: its title, and the place of its number in a run's result.
Column = Tuple[str, Tuple[str, ...]]


def _under(condition: str, key: str) -> Tuple[str, ...]:
    return 'conditions', condition, key


#: What each part of the method does.
ABLATION_COLUMNS: Tuple[Column, ...] = (
    ('J', _under('normal', 'J')),
    ('F', _under('normal', 'F')),
    ('J_part', _under('normal', 'J_part')),
    ('J seen', _under('normal', 'J@test')),
    ('J unseen', _under('normal', 'J@test_unseen')),
    ('J_part unseen', _under('normal', 'J_part@test_unseen')),
    ('cues kept, %: sounding', _under('normal', 'cues/sounding_kept')),
    ('silent', _under('normal', 'cues/silent_kept')),
    ('J under mute', _under('mute', 'J')),
    ('off-screen', _under('off-screen', 'J')),
)

#: What becomes of the masks under other sounds.
AUDIO_COLUMNS: Tuple[Column, ...] = (
    ('J: normal', _under('normal', 'J')),
    ('mute', _under('mute', 'J')),
    ('wgn-10db', _under('wgn-10db', 'J')),
    ('wgn-40db', _under('wgn-40db', 'J')),
    ('off-screen', _under('off-screen', 'J')),
    ('drop of J, %: mute', ('drop_percent', 'mute', 'J')),
    ('off-screen', ('drop_percent', 'off-screen', 'J')),
    ('F: normal', _under('normal', 'F')),
    ('mute', _under('mute', 'F')),
    ('off-screen', _under('off-screen', 'F')),
    # the share of the pixels that are called sounding
    ('FPR, %: mute', _under('mute', 'foreground')),
    ('wgn-10db', _under('wgn-10db', 'foreground')),
    ('off-screen', _under('off-screen', 'foreground')),
    ('listening score', ('listening_score', 'J')),
)

#: What combinations with other heads and backbones are worth.
COMBINATION_COLUMNS: Tuple[Column, ...] = (
    ('J: normal', _under('normal', 'J')),
    ('mute', _under('mute', 'J')),
    ('wgn-10db', _under('wgn-10db', 'J')),
    ('off-screen', _under('off-screen', 'J')),
    ('J_part', _under('normal', 'J_part')),
    ('F: normal', _under('normal', 'F')),
    ('mute', _under('mute', 'F')),
    ('FPR, %: mute', _under('mute', 'foreground')),
    ('off-screen', _under('off-screen', 'foreground')),
    ('listening score', ('listening_score', 'J')),
    ('seconds of training', ('seconds', 'train')),
)


def _lookup(result: Mapping[str, Any], path: Tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(result, Mapping) or key not in result:
            return None
        result = result[key]
    return result


def spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation of a row's runs."""
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}'


def format_ablation(rows: Sequence[Row],
                    results: Mapping[str, Sequence[Mapping[str, Any]]],
                    columns: Sequence[Column] = ABLATION_COLUMNS) -> str:
    """The table, the paper's numbers beside ours where it has some.

    Args:
        rows (Sequence[Row]): In the table's order.
        results (Mapping): From :func:`collect`; rows without results are
            left out.
        columns (Sequence[Column]): What to show. Defaults to
            :data:`ABLATION_COLUMNS`.

    Returns:
        str: The table in Markdown, with the protocol of J and F below. Each
        cell is the mean over seeds and, where there are several, their sample
        standard deviation; '-' where a row has no such number.
    """
    # by hand: prettytable's Markdown pads each column to its widest cell
    in_paper = any(row.paper for row in rows)
    lines = [[
        'row', *['paper, V1M: J / F'] * in_paper,
        *(title for title, _ in columns), 'seeds'
    ]]
    lines.append(['---'] + ['---:'] * (len(lines[0]) - 1))
    for row in rows:
        if row.name not in results:
            continue
        runs = results[row.name]
        cells = []
        for _, path in columns:
            values = [_lookup(run, path) for run in runs]
            cells.append('-' if None in values else spread(values))
        paper = '-' if row.paper is None else ' / '.join(
            '-' if value is None else f'{value:.2f}' for value in row.paper)
        lines.append(
            [row.title, *[paper] * in_paper, *cells, str(len(runs))])
    table = ['| ' + ' | '.join(line) + ' |' for line in lines]
    shown = (run for row in rows for run in results.get(row.name, ()))
    return '\n'.join([*table, '', *protocols(shown, ['AVSMetric'])])
