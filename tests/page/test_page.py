# Copyright (c) mmteso contributors. All rights reserved.
"""The page's functions, by a narrow model with random weights."""
import asyncio
import gc
import json
import os
import re
import shutil
import sys
import zipfile
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from narrow import save_model
from processes import run

from data import write_wav
from mmteso.apis import AVSInferencer
from mmteso.page import (ClipSession, Limits, Refused, readable, show_clip,
                         show_problem, show_sound)
from mmteso.page.requests import LimitedRequests, OwnServerOnly
from mmteso.page.session import Visits, split_cues
from mmteso.testbeds.synthavs import CLASSES, write_sample_clip
from mmteso.video import MediaError, VideoFile, write_video

CUES = ['red-disc', '<b>man</b>']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Config, checkpoint and clip."""
    root = tmp_path_factory.mktemp('page')
    config, checkpoint = save_model(root, 'teso/teso_r18_synthavs')
    write_sample_clip(str(root / 'clip.mp4'), seconds=3)
    return config, checkpoint, root / 'clip.mp4'


@pytest.fixture(scope='module')
def inferencer(made):
    return AVSInferencer(*made[:2])


@pytest.fixture
def session(inferencer, tmp_path):
    session = ClipSession(inferencer, Limits(1, 10), str(tmp_path))
    yield session
    session.close()


def uploaded(path, tmp_path, name=None):
    """A copy that the session may take away."""
    folder = tmp_path / 'uploaded'
    folder.mkdir(exist_ok=True)
    return str(shutil.copy(path, folder / (name or Path(path).name)))


@pytest.fixture
def filled(session, made, tmp_path):
    session.take_clip(uploaded(made[2], tmp_path))
    assert list(session.find(CUES)) == pytest.approx([1 / 3, 2 / 3, 1])
    return session


def test_pictures_are_encoded_once(session, inferencer, made, tmp_path,
                                   monkeypatch):
    encoded = []
    encode = inferencer.model.encode_image
    monkeypatch.setattr(
        inferencer.model, 'encode_image',
        lambda inputs: encoded.append(len(inputs['img'])) or encode(inputs))
    session.take_clip(uploaded(made[2], tmp_path))
    list(session.find(CUES))
    assert sum(encoded) == 3
    for sound in ('normal', 'mute', 'noise'):
        assert len(session.frames(sound, .4)) == 3
        session.areas(.4)
    assert not list(session.find(CUES))  # the button once more
    assert sum(encoded) == 3


def test_sounds_and_thresholds_change_the_masks(filled, tmp_path):
    normal, mute = (filled.frames(sound) for sound in ('normal', 'mute'))
    assert not np.array_equal(normal[0].score, mute[0].score)
    assert normal[0].sound.any() and not mute[0].sound.any()
    level = float(np.median(normal[0].score))
    share = filled.frames('normal', level)[0].mask.mean()
    assert filled.areas(level)['normal'][0] == pytest.approx(share)
    assert 0 < share < 1 and filled.areas(1.)['normal'] == [0, 0, 0]

    write_wav(tmp_path / 'tone.wav', 3, [440])
    filled.take_sound(uploaded(tmp_path / 'tone.wav', tmp_path))
    list(filled.find(CUES))
    assert list(filled.areas()) == ['normal', 'mute', 'noise', 'other sound']
    other = filled.frames('other sound')
    assert not np.array_equal(other[0].score, normal[0].score)
    # other cues are another question
    list(filled.find(['dog']))
    assert [cue.name for cue in filled.frames('other sound')[0].cues] == [
        'dog']


def test_names_and_cues_are_text(session, made, tmp_path):
    session.take_clip(uploaded(made[2], tmp_path, '<i>a&b.mp4'))
    list(session.find(CUES))
    page = show_clip(session, 'normal', 1)
    assert '&lt;b&gt;man&lt;/b&gt;' in page and '<b>man' not in page
    assert '&lt;i&gt;a&amp;b.mp4' in page and '<i>a' not in page
    assert '<b>' not in show_problem('<b>no</b>')


def test_what_is_shown(filled):
    page = show_clip(filled, 'mute', 1, .5)
    area = filled.areas(.5)['mute'][1]
    assert f'<b id="avs-area">{100 * area:.1f} %</b>' in page
    for cue in filled.frames('mute')[1].cues:
        state = 'kept' if cue.kept else 'dropped'
        row = re.search(rf'<tr class="(\w+)"><td>'
                        rf'{re.escape(unescape(cue.name))}|'
                        rf'<tr class="(\w+)"><td>&lt;b', page)
        assert state in row.groups()
        assert f'<td>{cue.score:.2f}</td>' in page
    # a second that isn't there: the last one
    assert 'data-second="2"' in show_clip(filled, 'normal', 99)
    assert show_sound(filled.frames('normal')) != show_sound(
        filled.frames('mute'))
    assert 'http' not in page


def test_classes_are_named(made, tmp_path):
    """The mask is that of the highest score, unless a threshold is asked."""
    root = made[2].parent
    model = AVSInferencer(*save_model(root, 'teso/teso_r50_avss'))
    session = ClipSession(model, parent=str(tmp_path))
    session.take_clip(uploaded(made[2], tmp_path))
    list(session.find(['dog']))
    frame, *_ = session.frames('normal')
    alone, *_ = model(str(made[2]), cues=['dog'])
    np.testing.assert_array_equal(frame.mask, alone.mask)
    everything, *_ = session.frames('normal', 0.)
    assert everything.mask.min() > 0
    name = model.classes[everything.mask[0, 0]]
    assert re.search(rf'Found: .*{name}', show_clip(session, 'normal', 0, 0.))


def test_limits(inferencer, made, tmp_path):
    short = ClipSession(inferencer, Limits(1, 2), str(tmp_path))
    with pytest.raises(Refused, match=r'lasts 3\.\d s; .* up to 2 s'):
        short.take_clip(uploaded(made[2], tmp_path))
    small = ClipSession(inferencer, Limits(.001, 10), str(tmp_path))
    path = uploaded(made[2], tmp_path)
    with pytest.raises(Refused, match=r'MB; .* up to 0\.001 MB'):
        small.take_clip(path)
    assert not os.path.exists(path)
    with pytest.raises(Refused, match='no clip yet'):
        list(small.find(CUES))


def test_a_clip_that_lies_about_its_length(session, made, tmp_path):
    session.take_clip(uploaded(made[2], tmp_path))
    session.limits = Limits(1, 2)
    with pytest.raises(Refused, match='longer than it says'):
        list(session.find(CUES))
    assert not session.found


def test_files_go_with_the_session(filled, tmp_path):
    assert zipfile.is_zipfile(filled.write('normal'))
    assert not os.listdir(tmp_path / 'uploaded')
    assert os.listdir(filled.folder)
    filled.close()
    assert not os.path.exists(filled.folder)


def test_results_hold_few_open_files(filled):
    """A process has 1024 or so, a visit up to 300 arrays."""
    folder = Path('/proc/self/fd')
    if not folder.is_dir():
        pytest.skip('needs Linux')
    gc.collect()  # PyAV's reader of the clip
    opened = {os.path.realpath(path) for path in folder.iterdir()}
    assert len([path for path in opened if filled.folder in path]) == 1
    # what is being looked at stays when there is a new search
    frame = filled.frames('normal')[1]
    score = frame.score.copy()
    list(filled.find(['dog']))
    np.testing.assert_array_equal(frame.score, score)
    assert len(list(Path(filled.folder).glob('*.arrays'))) == 1


def test_room_for_all_visitors(filled, made, tmp_path):
    """What one finds may fill it; what was found before stays."""
    before = set(Path(filled.folder).rglob('*'))
    size = sum(path.stat().st_size for path in before if path.is_file())
    filled.limits = Limits(1, 10, gigabytes=(size + 1e4) / 1e9)
    other = ClipSession(filled.inferencer, filled.limits, str(tmp_path))
    other.take_clip(uploaded(made[2], tmp_path))
    with pytest.raises(Refused, match='all visitors .* Try again later'):
        list(other.find(CUES))
    with pytest.raises(Refused, match='all visitors'):
        filled.write('normal')
    assert not list(Path(other.folder).glob('*.arrays'))
    assert set(Path(filled.folder).rglob('*')) == before
    other.close()
    assert zipfile.is_zipfile(filled.write('normal'))


def test_a_download_lies_by_a_secret_name(inferencer, made, tmp_path):
    served = tmp_path / 'served'
    served.mkdir()
    session = ClipSession(inferencer, parent=str(tmp_path),
                          served=str(served))
    session.take_clip(uploaded(made[2], tmp_path))
    list(session.find(CUES))
    first = session.write('normal')
    second = Path(session.write('mute'))
    assert not os.path.exists(first) and second.name == 'clip-mute.zip'
    assert re.fullmatch(r'results-[0-9a-f]{32}', second.parent.name)
    session.close()
    assert not list(served.iterdir())


def test_leaving_ends_a_search(inferencer, made, tmp_path):
    session = ClipSession(inferencer, parent=str(tmp_path))
    session.take_clip(uploaded(made[2], tmp_path))
    search = session.find(CUES)
    next(search)
    session.close()
    with pytest.raises(Refused, match='was left'):
        list(search)
    assert not os.path.exists(session.folder)


def test_visits_end(inferencer, tmp_path, monkeypatch):
    """When they are left, or when nobody came back."""
    now = 0.
    monkeypatch.setattr('mmteso.page.session.time',
                        SimpleNamespace(monotonic=lambda: now))

    def start():
        return ClipSession(inferencer, parent=str(tmp_path))

    visits = Visits(start, Limits(idle_seconds=.5))
    one, two = visits.session('one'), visits.session('two')
    assert visits.session('one') is one is not two
    visits.leave('two')
    visits.leave('two')
    assert os.listdir(tmp_path) == [os.path.basename(one.folder)]
    now += .6
    assert visits.session('one') is one
    three = visits.session('three')
    now += .6
    visits.session('three')
    assert os.listdir(tmp_path) == [os.path.basename(three.folder)]
    visits.leave('three')

    # or when there are too many: the one that was not used for longest
    visits = Visits(start, Limits(visits=2))
    one, two = visits.session('one'), visits.session('two')
    assert visits.session('one') is one
    three = visits.session('three')
    assert not os.path.exists(two.folder)
    assert os.path.exists(one.folder) and os.path.exists(three.folder)


def in_parts(body, size):
    """Messages of ASGI."""
    return [dict(type='http.response.body', body=body[i:i + size],
                 more_body=i + size < len(body))
            for i in range(0, len(body), size)]


def ask(app, body, length=None, path='/'):
    """Status, headers and body of the answer to a POST, and what is left of
    the question."""
    left, sent = in_parts(body, 9), []

    async def receive():
        return left.pop(0)

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b'content-length', b'%d' % length)]
    asyncio.run(app(dict(type='http', method='POST', path=path,
                         headers=headers), receive, send))
    return (sent[0]['status'], dict(sent[0]['headers']),
            b''.join(part['body'] for part in sent[1:]), left)


def answering(body=None, headers=()):
    """An application that says this, or what was asked."""

    async def app(scope, receive, send):
        read = [await receive()]
        while read[-1]['more_body']:
            read.append(await receive())
        await send(dict(type='http.response.start', status=200,
                        headers=headers))
        for part in in_parts(body, 40) if body else read:
            await send(part)

    return app


@pytest.mark.parametrize('path, length, status, text', [
    ('/upload', 900_000, 200, ''),
    ('/upload/', 1_200_000, 413, 'has 1.2 MB; this page takes up to 1 MB'),
    ('/queue/join', 1000, 200, ''),
    ('/queue/join', 1_200_000, 413, 'too long'),
    ('/upload', None, 411, 'how long it is'),
])
def test_requests_that_are_too_long(path, length, status, text, tmp_path):
    """They don't reach Gradio, and are read to their end."""
    uploads = tmp_path / 'uploads'
    (uploads / 'hash').mkdir(parents=True)
    old = uploads / 'interrupted'
    old.write_text('half')
    os.utime(old, (0, 0))
    clip = uploads / 'hash/a.mp4'

    def request():
        clip.write_text('clip')
        found, _, body, left = ask(LimitedRequests(
            answering(json.dumps([str(clip)]).encode()),
            Limits(1, gigabytes=1.4e-8), str(tmp_path), str(uploads)),
            b'a long body', length, path)
        assert not left or found == 411
        return found, body.decode()

    found, body = request()
    assert found == status and text in body
    assert old.exists() == (status != 200 or 'upload' not in path)
    if path != '/upload' or status != 200:
        return
    # a folder of its own, whatever others brought
    moved, = json.loads(body)
    again, = json.loads(request()[1])
    assert Path(moved).name == 'a.mp4' and moved != again
    assert Path(moved).read_text() == Path(again).read_text() == 'clip'
    # 16 bytes are more than 14
    (uploads / 'more').write_text('clip')
    found, body = request()
    assert found == 507 and 'all visitors have reached' in body


@pytest.mark.parametrize('data, status', [
    ([dict(path='/tmp/a.mp4', url='http://here/file=a'), 'http://x', 1], 200),
    ([[dict(meta=dict(path='http://example.org/a.mp4'))]], 403)])
def test_nothing_is_fetched_for_a_visitor(data, status, tmp_path):
    """A request that names an address as a file is refused."""
    text = json.dumps(dict(data=data)).encode()
    app = LimitedRequests(answering(), Limits(), str(tmp_path), str(tmp_path))
    found, _, body, _ = ask(app, text, len(text), '/queue/join')
    assert found == status and (body == text) == (status == 200)


def test_messages_name_no_folder(session, tmp_path):
    broken = tmp_path / 'broken clip.mp4'
    broken.write_bytes(b'no video')
    with pytest.raises(MediaError) as caught:
        session.take_clip(uploaded(broken, tmp_path))
    text = readable(caught.value, session.folder)
    assert 'is no video' in text and 'broken clip.mp4' in text
    assert str(tmp_path) not in text and '/' not in text
    said = readable(ValueError('"/srv/a b/x.pth" and/or C:\\u\\x.py: a/b'))
    assert said == '"x.pth" and/or x.py: a/b'
    # what nobody foresaw stays in the log
    assert 'secret' not in readable(KeyError('/srv/secret'))


def test_a_clip_without_sound_is_silence(session, tmp_path):
    silent = tmp_path / 'silent.mp4'
    write_video(str(silent), [(i / 10, np.full((48, 64, 3), 9 * i, np.uint8))
                              for i in range(20)])
    session.take_clip(uploaded(silent, tmp_path))
    list(session.find(CUES))
    assert 'taken for silence' in show_clip(session, 'normal', 0)
    np.testing.assert_array_equal(
        session.frames('normal')[0].score, session.frames('mute')[0].score)


def test_sample(session):
    cues = session.take_sample()
    assert len(cues) == 3 and set(cues) <= set(CLASSES)
    clip, = Path(session.folder).rglob('*.mp4')
    assert len(list(VideoFile(str(clip)).sample(1))) == 6
    session.limits = Limits(1, 3.5)
    cues = session.take_sample()
    assert len(list(session.find(cues))) == 3


def test_cues_as_they_are_typed():
    assert split_cues(' guitar,  a  man;\nguitar\n,') == ['guitar', 'a man']
    assert len(split_cues('x' * 500)[0]) == 80


def test_without_a_model(tmp_path):
    """Said plainly, with what the zero-shot way downloads."""
    demo = str(tmp_path / 'none')
    code = ('import sys; sys.path.insert(0, "tools"); import demo_app; '
            f'print(demo_app.find_demo({demo!r})); '
            f'print(demo_app.explain("No <model> in {demo}.", {demo!r}))')
    out = run([sys.executable, '-c', code]).stdout
    assert '(None, None)' in out
    # whole on the terminal, and no folder of the server on the page
    assert f'No <model> in {demo}.' in out
    out = out[out.index('<div'):]
    assert str(tmp_path) not in out
    for text in ('No &lt;model&gt; in none.', 'make demo', '--checkpoint',
                 'configs/zero_shot/clap-clipseg_v1m.py',
                 'laion/clap-htsat-unfused', 'CIDAS/clipseg-rd64-refined'):
        assert text in out


@pytest.mark.parametrize('kind', [b'text/html; charset=utf-8', b'text/plain'])
def test_nobody_else_is_asked(kind):
    """Of an HTML page that comes in parts, and of what is none."""
    here = b'<script src="./a.js"></script><link rel="x" href="/b.css">'
    page = (b'<link rel="preconnect" href="https://fonts.example.com">' + here
            + b'<script async src="https://cdn.example.com/c.js"></script>')

    _, headers, body, _ = ask(OwnServerOnly(answering(page, [
        (b'content-type', kind), (b'content-length', b'%d' % len(page))])),
        b'a')
    assert body == (here if b'html' in kind else page)
    assert headers[b'content-length'] == b'%d' % len(body)
    assert b"default-src 'self'" in headers[b'content-security-policy']
