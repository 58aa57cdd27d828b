# Copyright (c) mmteso contributors. All rights reserved.
"""Figures: masks and heat on frames, pictures in rows, scores as bars."""
import textwrap
from dataclasses import dataclass, field
from typing import (IO, TYPE_CHECKING, Dict, Mapping, Optional, Sequence,
                    Tuple, Union)

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# of log-mels: log(0.01), a silent band, and about the loudest that one gets
SOUND_RANGE = (-4.6, 2.5)
_SOUND_HEIGHT = 0.4  # of a picture's
_INCHES = 1.6  # a picture's side
_HEAT_COLORS = 'inferno'
# Okabe and Ito's palette, which the colour-blind can tell apart
_COLORS = ('#0072B2', '#999999', '#E69F00', '#F0E442', '#D55E00', '#009E73',
           '#CC79A7', '#56B4E9')


def overlay_mask(image: np.ndarray,
                 mask: np.ndarray,
                 dim: float = 0.4) -> np.ndarray:
    """Keep an image's colours inside of a mask, grey and darken the rest.

    A tint would hide in objects of its own colour. RGB, uint8 (H, W, 3), and
    bool (H, W).
    """
    grey = dim * image.mean(-1, keepdims=True)
    return np.where(mask[..., None], image, grey).round().astype(np.uint8)


def overlay_heat(image: np.ndarray,
                 heat: np.ndarray,
                 highest: float,
                 strength: float = 0.75) -> np.ndarray:
    """Colour a grey image by a heat map (H, W) of non-negative numbers.

    ``highest`` has the brightest colour; ``strength`` in [0, 1] is the share
    of the colour, the rest is the image's grey.
    """
    from matplotlib import colormaps
    level = np.clip(heat / (highest or 1), 0, 1)
    colors = 255 * colormaps[_HEAT_COLORS](level)[..., :3]
    grey = image.mean(-1, keepdims=True)
    result = strength * colors + (1 - strength) * grey
    return result.round().astype(np.uint8)


@dataclass
class PictureRow:
    """One row of :func:`draw_picture_grid`.

    Attributes:
        pictures (dict[str, np.ndarray]): RGB, uint8 (H, W, 3), by column.
        label (str): Written left of the row.
        sounds (dict[str, np.ndarray]): Log-mel spectrograms, (time, mel), by
            column; drawn in a strip above the row's pictures.
        notes (dict[str, str]): Written below some pictures, by column.
    """
    pictures: Dict[str, np.ndarray]
    label: str = ''
    sounds: Dict[str, np.ndarray] = field(default_factory=dict)
    notes: Dict[str, str] = field(default_factory=dict)


def new_figure(width: float, height: float) -> 'Figure':
    """A figure in inches without pyplot: no global state, no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def draw_picture_grid(
        rows: Sequence[PictureRow],
        path: str,
        title: str = '',
        heat_scale: Optional[Tuple[float, str]] = None) -> 'Figure':
    """Write pictures in rows and columns.

    Args:
        rows (Sequence[PictureRow]): At least one; all with the same columns.
        path (str): Image file to write.
        title (str): Written above. Defaults to ''.
        heat_scale (tuple[float, str], optional): Highest heat and unit of a
            colour scale beside the grid. Defaults to None: no scale.

    Returns:
        Figure: What was written. Its ``axes`` are those of the pictures and
        strips, row by row, then that of the scale.
    """
    columns = {tuple(row.pictures) for row in rows}
    if len(columns) != 1:
        raise ValueError(
            f'expected rows of the same pictures, but got {sorted(columns)}')
    names, = columns
    heights = [
        height for row in rows
        for height in [_SOUND_HEIGHT] * bool(row.sounds) + [1]
    ]
    notes = [{name: _fill(text, 24)
              for name, text in row.notes.items()} for row in rows]
    lines = sum(
        max([text.count('\n') + 1 for text in some.values()], default=0)
        for some in notes)
    figure = new_figure(
        _INCHES * len(names) + (2.1 if heat_scale else 1.2),
        _INCHES * sum(heights) + 0.14 * lines + 0.7)
    grid = figure.subplots(
        len(heights), len(names), squeeze=False, height_ratios=heights)
    for axis, name in zip(grid[0], names):
        axis.set_title(textwrap.fill(name, 22), fontsize=9)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
    lines_of_axes = iter(grid)
    for row, texts in zip(rows, notes):
        if row.sounds:
            for axis, name in zip(next(lines_of_axes), names):
                _draw_sound(axis, row.sounds.get(name))
        axes = next(lines_of_axes)
        for axis, name in zip(axes, names):
            axis.imshow(row.pictures[name], interpolation='nearest')
            axis.set_xlabel(texts.get(name, ''), fontsize=7, labelpad=2)
        axes[0].set_ylabel(_fill(row.label, 18), rotation=0, ha='right',
                           va='center', fontsize=7)
    if heat_scale:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        highest, unit = heat_scale
        figure.colorbar(
            ScalarMappable(Normalize(0, highest or 1), _HEAT_COLORS),
            ax=figure.axes,
            label=unit,
            aspect=30,
            shrink=min(1, 3 / len(rows)))
    figure.suptitle(title, fontsize=10)
    return _save(figure, path)


def _save(figure: 'Figure', path: str) -> 'Figure':
    """Write a figure whose texts, cues and names, are no formulas."""
    from matplotlib.text import Text
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    figure.savefig(path)
    return figure


def _fill(text: str, width: int) -> str:
    """Break lines that are too long; keep the breaks that are there."""
    return '\n'.join(
        textwrap.fill(line, width) for line in text.splitlines())


def _draw_sound(axis, sound: Optional[np.ndarray]) -> None:
    """One strip: time to the right, pitch upwards; nothing for None."""
    axis.set_frame_on(sound is not None)
    if sound is not None:
        low, high = SOUND_RANGE
        axis.imshow(sound.T, cmap='magma', vmin=low, vmax=high,
                    origin='lower', aspect='auto', interpolation='nearest')


def draw_sound(waveform: np.ndarray, log_mel: np.ndarray,
               path: Union[str, IO[bytes]]) -> 'Figure':
    """Write a waveform with its log-mel spectrogram below it, as a PNG.

    There is no margin: time goes from the picture's left edge to its right
    one, so that other things can stand above or below in step with it.

    Args:
        waveform (np.ndarray): (num_samples,), in [-1, 1]; scaled to its
            loudest sample.
        log_mel (np.ndarray): (time, mel).
        path (str | IO[bytes]): The file.

    Returns:
        Figure: What was written, two axes.
    """
    figure = new_figure(10, 1.6)
    figure.set_layout_engine('none')
    wave, mel = (figure.add_axes((0, bottom, 1, height))
                 for bottom, height in ((.52, .48), (0, .48)))
    for axis in (wave, mel):
        axis.set_axis_off()
    columns = min(1100, len(waveform))
    starts = np.arange(columns) * len(waveform) // columns
    scaled = waveform / (np.abs(waveform).max() or 1.)
    wave.fill_between(
        np.arange(columns) + .5, np.minimum.reduceat(scaled, starts),
        np.maximum.reduceat(scaled, starts), color=_COLORS[0], linewidth=0.8)
    wave.set(xlim=(0, columns), ylim=(-1.05, 1.05))
    _draw_sound(mel, log_mel)
    mel.set_axis_off()
    figure.savefig(path, format='png', transparent=True)
    return figure


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
    return _save(figure, path)


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
