# Copyright (c) mmteso contributors. All rights reserved.
"""The page itself, in Gradio 5.50 or 6."""
import gc
import os
import os.path as osp
import tempfile
from typing import Any, Optional, Tuple

from mmteso.apis import AVSInferencer
from mmteso.optional import require
from .limits import LIMITS, Limits, Refused, readable
from .requests import LimitedRequests, OwnServerOnly
from .session import OTHER, SOUNDS, ClipSession, Visits, split_cues
from .view import show_clip, show_hint, show_problem, show_sound, some

_WELCOME = 'Drop in a clip, or take the sample: drawn shapes that sound.'
_STEPS = (
    'Name what could sound: these are the text cues.',
    'The page shows the masks of what sounds, second by second, and which '
    'cues were kept.',
    'Then mute the clip, drown it in noise or give it another sound: a model '
    'that listens answers at once.')
_HERE = osp.dirname(__file__)


def _read(name: str) -> str:
    with open(osp.join(_HERE, name), encoding='utf-8') as file:
        return file.read()


def _next_step(session: ClipSession, sound: str) -> str:
    """What a visitor who has no results yet is told."""
    notes = ''.join(show_problem(note) for note in session.notes)
    if not session.name:
        return notes + show_hint(_WELCOME, list(_STEPS))
    if sound == OTHER and session.found:
        return notes + show_hint(
            'Drop in another sound, or a video for its sound: the masks '
            'answer it, too.')
    known = session.inferencer.known_cues
    return notes + show_hint(
        f'{session.name}: name what could sound in it, then press "Find what '
        'sounds".', [f'The model knows {some(known)}.'] if known else [])


def build_page(inferencer: Optional[AVSInferencer],
               folder: str,
               about: str = '',
               limits: Limits = LIMITS,
               generator: Any = None,
               missing: str = '') -> Tuple[Any, dict]:
    """Build the page.

    Args:
        inferencer (AVSInferencer, optional): None where there is no model.
        folder (str): For what visitors bring and what is found. Gradio's own
            part of it, in GRADIO_TEMP_DIR, is 'gradio'.
        about (str): Which model it is. Defaults to ''.
        limits (Limits): What is taken. Defaults to 100 MB and 30 s.
        generator (CueSource, optional): Generates cues where a visitor gives
            none. Defaults to None.
        missing (str): HTML in place of the page's parts where there is no
            model. Defaults to ''.

    Returns:
        tuple[gradio.Blocks, dict]: The page, and how it is launched.
    """
    gr = require('gradio', 'demo')
    six = int(gr.__version__.split('.')[0]) >= 6
    font = ['system-ui', 'sans-serif']
    looks = dict(
        theme=gr.themes.Default(
            primary_hue='blue', font=font, font_mono=['monospace']),
        css=_read('page.css'),
        head=f'<script>{_read("page.js")}</script>')
    hidden = dict(api_visibility='private') if six else dict(api_name=False)
    served = osp.join(folder, 'gradio')
    middleware = require('starlette.middleware', 'demo').Middleware
    launching = dict(
        max_file_size=int(limits.megabytes * 1e6),
        # Gradio keeps what it showed to each, for an hour and 10000 visits
        state_session_capacity=limits.visits,
        app_kwargs=dict(middleware=[
            middleware(OwnServerOnly),
            middleware(LimitedRequests, limits=limits, folder=folder,
                       uploads=served)
        ]),
        share=False, ssr_mode=False, mcp_server=False, pwa=False,
        enable_monitoring=False, quiet=True, **dict(
            footer_links=[], **looks) if six else dict(show_api=False))
    page = gr.Blocks(
        title='mmteso: what sounds?', analytics_enabled=False,
        delete_cache=(600, int(limits.idle_seconds)),
        **{} if six else looks)
    header = ('<div class="avs-head"><h1>What sounds in this clip?</h1>'
              '<p>Masks of what sounds, guided by sound and text.</p></div>')
    if inferencer is None:
        with page:
            gr.HTML(header, padding=True)
            gr.HTML(missing, padding=True)
        return page, launching

    model, tracked = inferencer, gr.Progress()
    for name in (served, osp.join(folder, 'visits')):
        os.makedirs(name, exist_ok=True)
    visits = Visits(
        lambda: ClipSession(model, limits, osp.join(folder, 'visits'),
                            generator, served, folder), limits)

    def session_of(request: Any) -> ClipSession:
        return visits.session(str(request.session_hash))

    def leave(request: gr.Request) -> None:
        visits.leave(str(request.session_hash))

    def level(threshold: float, own: bool) -> Optional[float]:
        """Classes are told apart by the highest score, unless asked."""
        return threshold if own or not model.semantic else None

    def outcome(session: ClipSession, sound: str, second: float,
                threshold: Optional[float], problem: str = '') -> tuple:
        """View, player, second, sound, drop zone of another sound."""
        said = show_problem(problem) if problem else ''
        frames = session.frames(sound)
        zone = gr.update(visible=sound == OTHER, value=None)
        if not frames:
            return (said + _next_step(session, sound), '',
                    gr.update(visible=False, value=0), sound, zone)
        second = min(int(second), len(frames) - 1)
        return (said + show_clip(session, sound, second, threshold),
                show_sound(frames),
                gr.update(visible=True, maximum=max(len(frames) - 1, 1),
                          value=second), sound, zone)

    def find(session: ClipSession, words: str, progress: Any) -> str:
        """Find what sounds; what is wrong."""
        cues = split_cues(words)
        if model.reads_cues and not cues and not generator:
            return ''
        try:
            for done in session.find(cues):
                progress(done, desc='Finding what sounds')
        except Exception as error:
            return readable(error, session.folder)
        if model.reads_cues and len(cues) > model.num_cues:
            return f'Only the first {model.num_cues} cues count.'
        return ''

    def bring(path: Optional[str], words: str, sound: str, threshold: float,
              own: bool, request: gr.Request,
              progress: Any = tracked) -> tuple:
        session = session_of(request)
        try:
            session.take_clip(str(path))
        except Exception as error:
            problem = readable(error, session.folder)
        else:
            problem = find(session, words, progress)
        return (None, *outcome(session, sound, 0, level(threshold, own),
                               problem))

    def sample(threshold: float, own: bool, request: gr.Request,
               progress: Any = tracked) -> tuple:
        session = session_of(request)
        words = ', '.join(session.take_sample())
        problem = find(session, words, progress)
        return (words, *outcome(session, SOUNDS[0], 0, level(threshold, own),
                                problem))

    def again(words: str, sound: str, second: float, threshold: float,
              own: bool, request: gr.Request,
              progress: Any = tracked) -> tuple:
        session = session_of(request)
        problem = find(session, words, progress)
        if not (problem or session.found or split_cues(words)):
            problem = 'Name what could sound, between commas.'
        return outcome(session, sound, second, level(threshold, own), problem)

    def bring_sound(path: Optional[str], words: str, sound: str,
                    second: float, threshold: float, own: bool,
                    request: gr.Request,
                    progress: Any = tracked) -> tuple:
        session = session_of(request)
        try:
            session.take_sound(str(path))
        except Exception as error:
            problem = readable(error, session.folder)
        else:
            problem, sound = find(session, words, progress), OTHER
        return outcome(session, sound, second, level(threshold, own), problem)

    def turn(sound: str, second: float, threshold: float, own: bool,
             request: gr.Request) -> tuple:
        return outcome(session_of(request), sound, second,
                       level(threshold, own))

    def look(sound: str, second: float, threshold: float, own: bool,
             request: gr.Request) -> str:
        return turn(sound, second, threshold, own, request)[0]

    def download(sound: str, threshold: float, own: bool,
                 request: gr.Request) -> Any:
        session = session_of(request)
        try:
            path = session.write(sound, level(threshold, own)) \
                if session.frames(sound) else None
        except Refused as error:
            raise gr.Error(str(error), print_exception=False) from None
        return gr.update(value=path, visible=path is not None)

    with page:
        gr.HTML(header, padding=True)
        with gr.Row():
            with gr.Column(scale=1, min_width=290):
                clip = gr.File(label='Clip', height=130, elem_id='avs-clip')
                take = gr.Button('Use the sample', size='sm')
                words = gr.Textbox(
                    label='Text cues', lines=2, max_length=1000,
                    placeholder='what could sound, e.g. guitar, man',
                    info='Between commas. '
                    + ('None: they are generated.' if generator else ''),
                    elem_id='avs-words', visible=model.reads_cues)
                go = gr.Button('Find what sounds', variant='primary')
                sound = gr.Radio(
                    [*SOUNDS, OTHER], value=SOUNDS[0], label='Listen to',
                    elem_id='avs-sound')
                other = gr.File(
                    label='Another sound, or a video for its sound',
                    height=110, visible=False, elem_id='avs-other')
                threshold = gr.Slider(
                    0, 1, .5, step=.01, label='Threshold of the score',
                    elem_id='avs-threshold')
                own = gr.Checkbox(
                    label='By this threshold, not by the highest score',
                    visible=model.semantic)
                save = gr.Button('Prepare the download', size='sm')
                files = gr.File(
                    label='Masks, overlays, video, JSON', visible=False,
                    interactive=False, elem_id='avs-files')
            with gr.Column(scale=3, min_width=480):
                view = gr.HTML(show_hint(_WELCOME, list(_STEPS)),
                               elem_id='avs-view', padding=True)
                second = gr.Slider(
                    0, 1, 0, step=1, label='Second', visible=False,
                    elem_id='avs-second')
                player = gr.HTML(elem_id='avs-player', padding=True)
        gr.HTML(show_hint(about), elem_id='avs-about', padding=True)

        for drop_zone in (clip, other):
            # Gradio's own also leaves an empty file each time
            drop_zone.preprocess = lambda file: file and file.path
        shown = [view, player, second, sound, other]
        levels = [threshold, own]
        # one at a time: the model is one
        finding = dict(concurrency_limit=1, concurrency_id='model', **hidden)
        looking = dict(
            concurrency_limit=4, show_progress='hidden',
            trigger_mode='always_last', **hidden)
        clip.upload(bring, [clip, words, sound, *levels], [clip, *shown],
                    show_progress_on=[view], **finding)
        take.click(sample, levels, [words, *shown], show_progress_on=[view],
                   **finding)
        change = dict(fn=again, inputs=[words, sound, second, *levels],
                      outputs=shown, show_progress_on=[view], **finding)
        go.click(**change)
        words.submit(**change)
        other.upload(bring_sound, [other, words, sound, second, *levels],
                     shown, show_progress_on=[view], **finding)
        sound.input(turn, [sound, second, *levels], shown, **looking)
        for part in (second.input, threshold.input, own.input):
            part(look, [sound, second, *levels], [view], **looking)
        save.click(download, [sound, *levels], [files],
                   show_progress_on=[save], concurrency_limit=1,
                   concurrency_id='model', **hidden)
        page.unload(leave)
    return page, launching


def serve(inferencer: Optional[AVSInferencer],
          host: str = '127.0.0.1',
          port: int = 7860,
          limits: Limits = LIMITS,
          **options: Any) -> None:
    """Show the page until the process is ended.

    Args:
        inferencer (AVSInferencer, optional): None where there is no model.
        host (str): Address to listen at. Defaults to this machine alone.
        port (int): Defaults to 7860.
        limits (Limits): What is taken. Defaults to 100 MB and 30 s.
        **options: Of :func:`build_page`.
    """
    # before Gradio is imported: it asks nobody for versions
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    # nor keeps what visitors did
    os.environ['GRADIO_RUN_HISTORY'] = 'False'
    with tempfile.TemporaryDirectory(prefix='mmteso-page-') as folder:
        # what is uploaded goes with all else; Gradio serves what is in its
        # own folder to anybody who knows the name
        os.environ['GRADIO_TEMP_DIR'] = osp.join(folder, 'gradio')
        page, launching = build_page(
            inferencer, folder, limits=limits, **options)
        # what is there for good isn't looked through at each collection
        gc.collect()
        gc.freeze()
        page.queue(max_size=32)
        page.launch(server_name=host, server_port=port,
                    prevent_thread_lock=True, **launching)
        print(f'http://{host}:{port} (Ctrl+C ends it)', flush=True)
        try:
            page.block_thread()
        finally:
            page.close()
