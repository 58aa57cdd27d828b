# Copyright (c) mmteso contributors. All rights reserved.
"""The page as a server, asked by HTTP: answers, files, memory and limits.

Without Gradio, as in the ordinary environment, there is nothing to serve. The
numbers that the slow case prints are those of docs/robustness.md.
"""
import itertools
import re
import shutil
import threading
import time

import pytest
from narrow import save_model
from page_server import OPEN_FILES, Server, Visitor, in_parallel

from mmteso.apis import AVSInferencer
from mmteso.page import ClipSession, show_clip
from mmteso.testbeds.synthavs import write_sample_clip

pytest.importorskip('gradio')
SECONDS = 2
WORDS = ('red-disc', 'dog', '<b>man</b>', 'cyan-cross', 'guitar', 'a cat')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Options of the command, clips, and what the page has to show of each.

    Clips, cues and answers differ, names of files don't.
    """
    root = tmp_path_factory.mktemp('server')
    config, checkpoint = save_model(root, 'teso/teso_r18_synthavs')
    inferencer = AVSInferencer(config, checkpoint)
    asked = []
    for i, words in enumerate(itertools.permutations(WORDS, 2)):
        if i == 8:
            break
        clip = root / str(i) / 'my clip.mp4'
        clip.parent.mkdir()
        write_sample_clip(str(clip), seconds=SECONDS, seed=i)
        session = ClipSession(inferencer, parent=str(clip.parent))
        taken = clip.parent / 'taken' / clip.name
        taken.parent.mkdir()
        session.take_clip(shutil.copy(clip, taken))
        list(session.find(words))
        asked.append((clip, ', '.join(words),
                      show_clip(session, 'normal', 0, .5)))
        session.close()
    assert len({answer for *_, answer in asked}) == len(asked)
    return ('--config', config, '--checkpoint', checkpoint), asked


def visit(address, clip, cues, answer):
    """One visit, from coming to leaving: whether the answer is right."""
    with Visitor(address) as visitor:
        first = visitor.bring(clip, cues)
        # and whoever looks again sees his own
        second = visitor.call('avs-threshold', 'input', 'normal', 0, .5, False)
        return first == answer == second['avs-view']


def wait_until(condition, seconds=20):
    """Whether it comes to hold."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(.1)
    return condition()


def ask(made, folder, sequential, side_by_side):
    options, asked = made
    with Server(folder, *options, '--max-visits', 10) as server:
        address, memory = server.address(), []
        for i in range(sequential):
            assert visit(address, *asked[i % len(asked)])
            memory.append(server.memory())
        shown = [round(memory[i]) for i in [0, *range(9, sequential, 10)]]
        print(f'\nMiB after 1, 10, 20, ... visits: {shown}')
        assert wait_until(lambda: not server.files()), server.files()
        barrier = threading.Barrier(side_by_side, timeout=300)
        most = []

        def come(i):
            with Visitor(address) as visitor:
                barrier.wait()
                clip, cues, answer = asked[i % len(asked)]
                right = visitor.bring(clip, cues) == answer
                barrier.wait()
                if i == 0:  # all are there
                    most.append((len(server.files()), server.open_files()))
                barrier.wait()
                return right

        began = time.monotonic()
        assert all(in_parallel([lambda i=i: come(i)
                                for i in range(side_by_side)]))
        seconds = time.monotonic() - began
        # a clip and its results each, and nothing once they have left
        (files, open_files), = most
        assert files == 2 * side_by_side and open_files < OPEN_FILES / 4
        assert wait_until(lambda: not server.files()), server.files()
        # the same clip at the same time
        assert all(in_parallel([lambda: visit(address, *asked[0])] * 2))
        assert visit(address, *asked[-1])
        print(f'{side_by_side} at a time: {seconds:.0f} s, {files} files, '
              f'{open_files} open ones; {server.memory():.0f} MiB at the end')
        log = server.log.read_text()
    assert 'Traceback' not in log, log
    assert not list(server.temporary.iterdir())
    return memory


def test_each_gets_his_answer(made, tmp_path):
    ask(made, tmp_path, 8, 4)


@pytest.mark.slow
def test_fifty_visits_and_eight_at_a_time(made, tmp_path):
    """The memory hardly grows with the visits, once all is warm."""
    memory = ask(made, tmp_path, 50, 8)
    assert max(memory[40:50]) < 1.03 * max(memory[15:25])


def test_files_of_others(made, tmp_path):
    """Not served and not taken: by path, as a clip, or by way of `..`."""
    options, asked = made
    with Server(tmp_path, *options) as server:
        address = server.address()
        clip, cues, answer = asked[0]
        with Visitor(address) as one, Visitor(address) as two:
            waiting = one.file(clip)['path']
            assert one.bring(clip, cues) == answer
            file = one.call('Prepare the download', 'click', 'normal', .5,
                            False)['avs-files']['value']
            assert one.http.get(file['url']).content[:2] == b'PK'
            theirs = [path for path in server.files() if 'visits' in str(path)]
            secret = tmp_path / 'secret.mp4'
            shutil.copy(clip, secret)
            assert {path.suffix for path in theirs} == {'.mp4', '.arrays'}
            for path in (*theirs, secret, '/etc/hostname', server.temporary):
                for start in ('', f'{server.temporary}/../'):
                    response = two.http.get(f'/gradio_api/file={start}{path}')
                    assert response.status_code in (403, 404), path
                said = two.call('avs-clip', 'upload', two.named(path), cues,
                                'normal', .5, False)
                assert isinstance(said, str) and answer not in said
            assert secret.exists() and all(path.exists() for path in theirs)
            said = two.call(
                'avs-clip', 'upload', two.named('https://example.org/a.mp4'),
                cues, 'normal', .5, False)
            assert 'has to be uploaded' in said
            response = two.http.get('/gradio_api/file=https://example.org/a.mp4')
            assert response.status_code == 403
            assert 'has to be uploaded' in response.text
            # names of what Gradio may serve can't be guessed
            for path in (waiting, file['path']):
                assert re.search(r'[/-][0-9a-f]{32}/', path), path
            shown = two.call('avs-sound', 'input', 'normal', 0, .5, False)
            assert 'Drop in a clip' in shown['avs-view']
            assert two.bring(*asked[1][:2]) == asked[1][2]
            assert one.call('avs-sound', 'input', 'normal', 0, .5, False)[
                'avs-view'] == answer
        assert wait_until(lambda: [
            str(path) for path in server.files()] == [waiting])


def test_what_is_beyond_the_limits(made, tmp_path):
    """Refused with a reason, kept nowhere, and the next one is served."""
    options, asked = made
    with Server(tmp_path, *options, '--max-mb', '.2', '--max-seconds', '2.5',
                '--max-gb', 5e5 / 1e9) as server:
        address = server.address()
        large = tmp_path / 'large.mp4'
        large.write_bytes(bytes(300_000))
        write_sample_clip(str(tmp_path / 'long.mp4'), seconds=4)
        (tmp_path / 'text.mp4').write_text('no video')
        with Visitor(address) as visitor:
            response = visitor.upload(large)
            assert response.status_code == 413
            assert 'this page takes up to 0.2 MB' in response.text
            said = visitor.call('avs-words', 'submit', 'x' * 1_100_000,
                                'normal', 0, .5, False)
            assert said == 'The request is too long.'
            parts = iter([b'x'] * 9)
            assert visitor.http.post(
                '/gradio_api/upload', content=parts).status_code == 411
            for path, text in ((tmp_path / 'long.mp4', 'takes up to 2.5 s'),
                               (tmp_path / 'text.mp4', 'is no video')):
                view = visitor.bring(path, 'dog')
                assert text in view and str(server.temporary) not in view
            assert visitor.call('avs-clip', 'upload', None, 'dog', 'normal',
                                .5, False)['avs-view']
        assert wait_until(lambda: not server.files()), server.files()
        # what visitors leave waiting fills the room
        with Visitor(address) as visitor:
            waiting = tmp_path / 'waiting.mp4'
            waiting.write_bytes(bytes(150_000))
            answers = [visitor.upload(waiting) for _ in range(6)]
            assert [answer.status_code for answer in answers] == [
                200, 200, 200, 200, 507, 507]
            assert 'all visitors have reached 0.0005 GB' in answers[-1].text
            said = visitor.call('Use the sample', 'click', .5, False)
            assert 'all visitors have reached' in said['avs-view']
        for path in server.files():
            path.unlink()
        assert visit(address, *asked[0])
        log = server.log.read_text()
    assert 'Traceback' not in log, log
