# Copyright (c) mmteso contributors. All rights reserved.
"""Scores of models under conditions as bars."""
import math
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Mapping, Optional, Sequence

from .picture_grid import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart
_COLORS = ('#0072B2', '#999999', '#E69F00', '#F0E442', '#D55E00', '#009E73',
           '#CC79A7', '#56B4E9')


@dataclass
class BarPanel:
    """One chart of :func:`draw_bar_chart`.

    Attributes:
        title (str): Written above the bars.
        ylabel (str): What the numbers are.
        values (dict[str, dict[str, float | None]]): By group and bar; None
            and NaN are unknown and have no bar.
        notes (dict[str, dict[str, str]]): Written small above some bars'
            numbers, by group and bar. Defaults to none.
        lines (dict[str, float]): Dashed lines across, by what they mean.
            Defaults to none.
        hatched (bool): Hatch the bars, to set them apart. Defaults to False.
        footnote (str): Written small below the chart. Defaults to ''.
    """
    title: str
    ylabel: str
    values: Mapping[str, Mapping[str, Optional[float]]]
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, float] = field(default_factory=dict)
    hatched: bool = False
    footnote: str = ''


def draw_bar_chart(panels: Sequence[BarPanel],
                   path: str,
                   title: str = '') -> 'Figure':
    """Write charts of grouped bars, one above the other.

    A bar has the same colour in all groups and panels, and its number above
    it with one decimal.

    Args:
        panels (Sequence[BarPanel]): At least one.
        path (str): Image file to write.
        title (str): Written above all. Defaults to ''.

    Returns:
        Figure: What was written. Its ``axes`` are those of the panels; their
        ``containers`` hold the bars, one container per bar name and panel,
        labelled with the name.

    Raises:
        ValueError: If there is nothing to draw.
    """
    if not panels or not all(panel.values for panel in panels):
        raise ValueError('there are no numbers to draw')
    names = list(
        dict.fromkeys(name for panel in panels
                      for bars in panel.values.values() for name in bars))
    colors = {
        name: _COLORS[i % len(_COLORS)]
        for i, name in enumerate(names)
    }
    groups = max(len(panel.values) for panel in panels)
    figure = new_figure(
        max(6.5, 0.9 + groups * (0.4 * len(names) + 0.4)),
        3 * len(panels) + 0.6)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels):
        _draw_panel(axis, panel, colors)
    handles = {}
    for axis in axes:
        for handle in [*axis.containers, *axis.lines]:
            handles.setdefault(handle.get_label(), handle)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc='outside lower center',
        ncols=min(len(handles), 4),
        fontsize=8,
        frameon=False)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.savefig(path)
    return figure


def _known(value: Optional[float]) -> bool:
    return value is not None and math.isfinite(value)


def _draw_panel(axis: 'Axes', panel: BarPanel, colors: Dict[str, str]) -> None:
    names = [
        name for name in colors
        if any(_known(bars.get(name)) for bars in panel.values.values())
    ]
    width = 0.84 / max(len(names), 1)
    highest = 0.
    for i, name in enumerate(names):
        places, heights, texts = [], [], []
        for place, (group, bars) in enumerate(panel.values.items()):
            value = bars.get(name)
            if not _known(value):
                continue
            places.append(place + (i - (len(names) - 1) / 2) * width)
            heights.append(value)
            note = panel.notes.get(group, {}).get(name)
            texts.append(f'{note}\n{value:.1f}' if note else f'{value:.1f}')
        bars = axis.bar(
            places,
            heights,
            0.94 * width,
            label=name,
            color=colors[name],
            edgecolor='black',
            linewidth=0.5,
            hatch='///' if panel.hatched else None)
        axis.bar_label(bars, texts, fontsize=6.5, padding=1.5)
        highest = max(highest, *heights)
    for style, (name, value) in zip(('--', ':', '-.'), panel.lines.items()):
        axis.axhline(
            value, label=name, color='black', linewidth=0.9, linestyle=style)
        highest = max(highest, value)
    axis.set_ylim(0, 1.2 * (highest or 1))
    axis.set_xlim(-0.6, len(panel.values) - 0.4)
    axis.set_xticks(
        range(len(panel.values)),
        [textwrap.fill(group, 24) for group in panel.values],
        fontsize=8)
    axis.set_ylabel(panel.ylabel, fontsize=9)
    axis.set_title(panel.title, fontsize=9)
    if panel.footnote:
        width = int(15 * axis.figure.get_figwidth())
        lines = [
            textwrap.fill(line, width) for line in panel.footnote.splitlines()
        ]
        axis.set_xlabel('\n'.join(lines), fontsize=7, ha='left', x=0)
    axis.spines[['top', 'right']].set_visible(False)
