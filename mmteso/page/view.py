# Copyright (c) mmteso contributors. All rights reserved.
"""What the page shows, as HTML; whatever is a stranger's text is escaped."""
import base64
import gc
import io
from html import escape
from typing import List, Optional, Sequence

import numpy as np
import torch
from PIL import Image
from scipy.io import wavfile

from mmteso.apis import FrameResult, WeightFile
from mmteso.apis.clip_files import paint
from mmteso.audio import SAMPLE_RATE, log_mel_examples
from mmteso.video import Sound
from mmteso.visualization import draw_sound, overlay_heat
from .session import ClipSession

_STAGE, _THUMB = 640, 160  # longer sides, in pixels
_MOST_NAMED = 12  # cues in a sentence


def _data(kind: str, content: bytes) -> str:
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def _jpeg(image: np.ndarray, longest: int) -> str:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((longest, longest))
    file = io.BytesIO()
    picture.save(file, 'JPEG', quality=92, subsampling=0)
    return _data('image/jpeg', file.getvalue())


def _heard(frames: Sequence[FrameResult]) -> np.ndarray:
    """What was listened to, a second for each frame, at 16 kHz."""
    blocks = []
    for frame in frames:
        block, rate = frame.sound[-frame.sample_rate:], frame.sample_rate
        if rate != SAMPLE_RATE:
            block = Sound((block, rate), SAMPLE_RATE).window(0, 1.)
        blocks.append(np.pad(block, (0, SAMPLE_RATE - len(block))))
    return np.concatenate(blocks)


def _strip(frames: Sequence[FrameResult]) -> str:
    """Waveform and log-mel of a clip, as a picture's address."""
    waveform = _heard(frames)
    mels = log_mel_examples(
        torch.from_numpy(waveform).reshape(len(frames), SAMPLE_RATE))
    file = io.BytesIO()
    draw_sound(waveform, mels.reshape(-1, mels.shape[-1]).numpy(), file)
    # a figure is a cycle of a few objects, which hold a megabyte
    gc.collect()
    return _data('image/png', file.getvalue())


def show_sound(frames: Sequence[FrameResult]) -> str:
    """A player for what was listened to."""
    if not frames:
        return ''
    samples = np.round(_heard(frames).clip(-1, 1) * 32767).astype(np.int16)
    file = io.BytesIO()
    wavfile.write(file, SAMPLE_RATE, samples)
    return ('<audio class="avs-audio" controls src="'
            f'{_data("audio/wav", file.getvalue())}"></audio>')


def show_problem(text: str) -> str:
    """Something that can't be done, and why."""
    return f'<div class="avs-problem" role="alert">{escape(text)}</div>'


def show_hint(text: str, more: Sequence[str] = ()) -> str:
    """What to do, in a sentence, and more about it in others."""
    lines = ''.join(f'<li>{escape(line)}</li>' for line in more)
    return (f'<div class="avs-hint"><p>{escape(text)}</p>'
            f'{f"<ul>{lines}</ul>" if more else ""}</div>')


def some(names: Sequence[str]) -> str:
    """The first of many names."""
    more = len(names) - _MOST_NAMED
    return ', '.join(names[:_MOST_NAMED]) + (
        f' and {more} more' if more > 0 else '')


def _percent(share: float) -> str:
    return f'{100 * share:.1f} %'


def _cue_rows(frame: FrameResult) -> str:
    rows = []
    for cue in frame.cues:
        state = '' if cue.kept is None else 'kept' if cue.kept else 'dropped'
        score = '' if cue.score is None else f'{cue.score:.2f}'
        rows.append(f'<tr class="{state}"><td>{escape(cue.name)}</td>'
                    f'<td>{score}</td><td>{state}</td></tr>')
    return ''.join(rows) or '<tr><td colspan="3">none</td></tr>'


def _answers(session: ClipSession, sound: str, second: int,
             threshold: Optional[float]) -> str:
    """How the masks answer each sound, second by second."""
    areas = session.areas(threshold)
    highest = max(max(shares) for shares in areas.values()) or 1.
    rows = []
    for name, shares in areas.items():
        bars = ''.join(
            f'<i class="{"now" if i == second else ""}" '
            f'style="height:{100 * share / highest:.1f}%" '
            f'title="second {i}: {_percent(share)}"></i>'
            for i, share in enumerate(shares))
        rows.append(
            f'<tr class="{"chosen" if name == sound else ""}" '
            f'data-sound="{name}">'
            f'<th>{name}</th>'
            f'<td><span class="avs-bars">{bars}</span></td>'
            f'<td class="avs-area">{_percent(float(np.mean(shares)))}</td>'
            '</tr>')
    return ''.join(rows)


def show_clip(session: ClipSession, sound: str, second: int,
              threshold: Optional[float] = None) -> str:
    """A second of a clip, and all of it in step with its sound.

    Args:
        session (ClipSession): With results.
        sound (str): What it is listened to with.
        second (int): Which one is shown large, from 0.
        threshold (float, optional): Of the masks. Defaults to None: the
            model's own.

    Returns:
        str: HTML.
    """
    model = session.inferencer
    frames = session.frames(sound, threshold)
    second = min(max(int(second), 0), len(frames) - 1)
    frame = frames[second]

    def painted(one: FrameResult) -> np.ndarray:
        return paint(np.asarray(one.image), one.mask, model.palette,
                     model.semantic)

    pictures = ''.join(
        f'<figure><img src="{_jpeg(image, _STAGE)}" alt="{name}">'
        f'<figcaption>{name}</figcaption></figure>' for name, image in [
            ('picture', np.asarray(frame.image)),
            ('what sounds', painted(frame)),
            ('score', overlay_heat(np.asarray(frame.image), frame.score, 1.)),
        ])
    thumbs = ''.join(
        f'<img data-second="{i}" alt="second {i}" '
        f'src="{_jpeg(painted(one), _THUMB)}">'
        for i, one in enumerate(frames))
    times = ''.join(f'<span>{i} s</span>' for i in range(len(frames)))
    width = 100 / len(frames)
    found = ''
    if model.semantic:
        names = [model.classes[i] for i in np.unique(frame.mask) if i]
        found = f'<p>Found: {escape(", ".join(names)) or "nothing"}</p>'
    notes = ''.join(show_problem(note) for note in session.notes)
    kept = '' if all(cue.score is None for cue in frame.cues) else (
        '<p class="avs-small">The dynamic mask keeps a cue whose score is '
        'high enough; only kept ones guide the masks.</p>')
    return f'''{notes}<div class="avs-clip" data-second="{second}">
<h3>{escape(session.name)} <small>at {second} s of {len(frames)} s,
<b class="avs-sound">{sound}</b>:
<b id="avs-area">{_percent(float((frame.mask > 0).mean()))}</b>
of the picture sounds</small></h3>
<div class="avs-stage">{pictures}</div>{found}
<div class="avs-strip">
<div class="avs-thumbs">{thumbs}</div>
<img class="avs-wave" alt="waveform and log-mel spectrogram"
src="{_strip(frames)}"><span class="avs-label">waveform</span>
<span class="avs-label avs-low">log-mel</span>
<div class="avs-times">{times}</div>
<div class="avs-now" style="left:{second * width:.4f}%;width:{width:.4f}%">
</div></div>
<div class="avs-tables">
<section><h4>Text cues of this second</h4><table class="avs-cues">
<thead><tr><th>cue</th><th>score</th><th></th></tr></thead>
<tbody>{_cue_rows(frame)}</tbody></table>{kept}</section>
<section><h4>How the masks answer</h4><table class="avs-answers">
{_answers(session, sound, second, threshold)}</table>
<p class="avs-small">Share of the picture that sounds, by second and on
average.</p></section></div></div>'''


def show_missing_model(reason: str, demo: str,
                       weights: List[WeightFile]) -> str:
    """What to do where there is no model.

    Args:
        reason (str): Why there is none.
        demo (str): Folder that ``make demo`` writes.
        weights (list[WeightFile]): What the zero-shot way needs.
    """
    rows = ''.join(
        f'<tr><td>{escape(file.source.get("what", file.reference))}</td>'
        f'<td>{escape(file.hub_name or "")}</td>'
        f'<td>{escape(file.source.get("license", "see its card"))}</td>'
        f'<td>{file.state}</td></tr>' for file in weights)
    return f'''<div class="avs-hint avs-missing">
<h3>There is no model yet</h3><p>{escape(reason)}</p>
<ol><li><b>The demo's</b>, which knows drawn shapes: <code>make demo</code>
trains it in about a quarter of an hour on two CPU cores and writes it to
<code>{escape(demo)}</code>, where this page looks for it.</li>
<li><b>Your own</b>: <code>python tools/demo_app.py --config CONFIG
--checkpoint CHECKPOINT</code>.</li>
<li><b>Zero-shot</b>, for real clips and without a training:
<pre>python tools/prepare_weights.py configs/zero_shot/clap-clipseg_v1m.py
python tools/demo_app.py --config configs/zero_shot/clap-clipseg_v1m.py</pre>
The first command downloads these public weights, about 600 MB each:
<table><thead><tr><th>what</th><th>on the Hugging Face Hub</th>
<th>licence</th><th>here</th></tr></thead><tbody>{rows}</tbody></table></li>
</ol></div>'''
