# Copyright (c) mmteso contributors. All rights reserved.
"""Scores of models under conditions as bars."""
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from .picture_grid import new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart
_COLORS = ('#0072B2', '#999999', '#E69F00', '#F0E442', '#D55E00', '#009E73',
           '#CC79A7', '#56B4E9')


@dataclass
class BarPanel:
    """One chart of :func:`draw_bar_chart`.

    Attributes:
        title (str): Written above the bars.
        values (pd.DataFrame): In percent, a row for each group of bars and a
            column for each bar; NaN is unknown.
        notes (pd.DataFrame, optional): Texts above the bars' numbers.
        lines (dict[str, float]): Dashed lines across, by what they mean.
        hatched (bool): Hatch the bars, to set them apart.
        footnote (str): Written small below the chart.
    """
    title: str
    values: 'pd.DataFrame'
    notes: Optional['pd.DataFrame'] = None
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
        panels (Sequence[BarPanel]): At least one, with numbers.
        path (str): Image file to write.
        title (str): Written above all. Defaults to ''.

    Returns:
        Figure: What was written, an axis for each panel.
    """
    names = dict.fromkeys(name for panel in panels for name in panel.values)
    colors = dict(zip(names, _COLORS * (1 + len(names) // len(_COLORS))))
    bars = max(panel.values.size for panel in panels)
    lines = sum(panel.footnote.count('\n') + 1 for panel in panels)
    figure = new_figure(
        min(16, 3.5 + 0.45 * bars), 3.4 * len(panels) + 0.15 * lines + 0.6)
    axes = figure.subplots(len(panels), squeeze=False)[:, 0]
    handles = {}
    for axis, panel in zip(axes, panels):
        _draw_panel(axis, panel, colors)
        for handle, label in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc='outside lower center',
        ncols=min(len(handles), 4),
        fontsize=8,
        frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path)
    return figure


def _draw_panel(axis, panel: BarPanel, colors: Mapping[str, str]) -> None:
    values = panel.values
    values.plot.bar(
        ax=axis,
        width=0.84,
        color=colors,
        edgecolor='black',
        linewidth=0.5,
        hatch='///' if panel.hatched else None,
        legend=False)
    for bars, name in zip(axis.containers, values):
        texts = [f'{value:.1f}' for value in values[name]]
        if panel.notes is not None:
            texts = [
                f'{note}\n{text}' if note else text
                for note, text in zip(panel.notes[name], texts)
            ]
        known = values[name].notna()
        axis.bar_label(
            bars, [text if x else '' for text, x in zip(texts, known)],
            fontsize=6.5,
            padding=1.5)
    for style, (name, value) in zip(('--', ':', '-.'), panel.lines.items()):
        axis.axhline(
            value, label=name, color='black', linewidth=0.9, linestyle=style)
    highest = max([values.max().max(), *panel.lines.values()])
    axis.set_ylim(0, 1.2 * (highest or 1))
    axis.set_xticks(
        range(len(values)), [textwrap.fill(name, 24) for name in values.index],
        fontsize=8, rotation=0)
    axis.set_ylabel('percent', fontsize=9)
    axis.set_title(panel.title, fontsize=9)
    width = int(15 * axis.figure.get_figwidth())
    footnote = [
        textwrap.fill(line, width) for line in panel.footnote.splitlines()
    ]
    axis.set_xlabel('\n'.join(footnote), fontsize=7, ha='left', x=0)
    axis.spines[['top', 'right']].set_visible(False)
