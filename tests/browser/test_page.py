# Copyright (c) mmteso contributors. All rights reserved.
"""The page in a real browser (``make test-browser``)."""
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from processes import ROOT, run

from data import write_wav
from mmteso.analysis.ablation import best_checkpoint
from mmteso.testbeds.synthavs import write_sample_clip

pytestmark = pytest.mark.browser

#: Where screenshots are kept.
SHOTS = Path(os.environ.get('MMTESO_SHOTS', ROOT / 'work_dirs/test-browser'))
CUES = 'yellow-triangle, cyan-cross, <b>bold</b>'


@pytest.fixture
def visit(browser):
    """Open a page; only its own server may be asked for anything."""
    contexts = []

    def opened(address):
        context = browser.new_context(
            viewport=dict(width=1360, height=1200), accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.asked = set()
        context.on('request', lambda request: page.asked.add(
            urlsplit(request.url).netloc))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


def shown_area(page, sound):
    """Percent of the picture that sounds, once the sound is shown."""
    page.locator('.avs-sound', has_text=sound).wait_for(timeout=60000)
    return float(page.locator('#avs-area').inner_text().split()[0])


def upload(page, place, path):
    page.locator(f'#{place} input[type=file]').set_input_files(str(path))


def said(page, text):
    page.get_by_text(text).first.wait_for(timeout=60000)


def test_a_clip_and_its_sounds(model, serve, visit, tmp_path):
    clip = tmp_path / 'my clip.mp4'
    write_sample_clip(str(clip))
    server = serve('--demo', model)
    page = visit(server.address())
    page.get_by_label('Text cues').fill(CUES)
    upload(page, 'avs-clip', clip)

    shown_area(page, 'normal')
    page.locator('.avs-thumbs img').nth(2).click()
    page.locator('.avs-clip[data-second="2"]').wait_for()
    normal = shown_area(page, 'normal')
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / 'normal.png', full_page=True)
    # a stranger's text, as it is written
    assert page.locator('.avs-cues td', has_text='<b>bold</b>').count() == 1
    assert page.locator('.avs-cues td b').count() == 0

    page.get_by_label('mute').click()
    mute = shown_area(page, 'mute')
    page.screenshot(path=SHOTS / 'mute.png', full_page=True)
    print(f'area: normal {normal} %, mute {mute} %')
    assert normal > 5 and mute < normal / 4
    assert page.locator('.avs-clip').get_attribute('data-second') == '2'

    # what is downloaded is what the command line writes
    page.get_by_role('button', name='Prepare the download').click()
    with page.expect_download(timeout=60000) as download:
        page.locator('#avs-files a').first.click()
    download.value.save_as(tmp_path / 'page.zip')
    shutil.unpack_archive(tmp_path / 'page.zip', tmp_path / 'page')
    config, = (model / 'train').glob('*.py')
    run([sys.executable, 'tools/infer.py', clip, '--config', config,
         '--checkpoint', best_checkpoint(str(model / 'train')), '--sound',
         'mute', '--out', tmp_path / 'command', '--save', 'masks', '--cues',
         *CUES.split(', ')])
    folder, = (tmp_path / 'page').iterdir()
    for name in ('masks/000000.png', 'masks/000005.png', 'result.json'):
        assert (folder / name).read_bytes() == (
            tmp_path / 'command' / folder.name / name).read_bytes()

    # another sound
    page.get_by_label('other sound').click()
    said(page, 'Drop in another sound')
    write_wav(tmp_path / 'tone.wav', 6, [290, 870])
    upload(page, 'avs-other', tmp_path / 'tone.wav')
    shown_area(page, 'other sound')
    assert page.locator('.avs-answers tr').count() == 4

    # nobody else was asked, and what was brought goes with the visitor
    assert page.asked <= {urlsplit(page.url).netloc, ''}
    folders = server.temporary / next(
        name for name in os.listdir(server.temporary)
        if name.startswith('mmteso-page'))
    assert list(folders.glob('visits/clip-*'))
    page.close()
    for _ in range(100):
        if not list(folders.glob('visits/clip-*')):
            break
        run(['sleep', '.1'])
    assert not list(folders.rglob('*.mp4'))
    server.stop()
    assert not folders.exists()


def test_what_is_refused(model, serve, visit, tmp_path):
    server = serve('--demo', model, '--max-mb', '1', '--max-seconds', '3')
    page = visit(server.address())
    page.get_by_role('button', name='Use the sample').wait_for(timeout=60000)
    write_sample_clip(str(tmp_path / 'long.mp4'), seconds=5)
    upload(page, 'avs-clip', tmp_path / 'long.mp4')
    said(page, 'this page takes up to 3 s')
    (tmp_path / 'text.mp4').write_text('no video')
    upload(page, 'avs-clip', tmp_path / 'text.mp4')
    said(page, 'is no video')
    assert str(tmp_path) not in page.locator('.avs-problem').inner_text()
    (tmp_path / 'large.mp4').write_bytes(bytes(1_200_000))
    upload(page, 'avs-clip', tmp_path / 'large.mp4')
    page.get_by_text('maximum').first.wait_for(timeout=60000)
    write_sample_clip(str(tmp_path / 'short.mp4'), seconds=3)
    upload(page, 'avs-clip', tmp_path / 'short.mp4')
    said(page, 'name what could sound')


def test_without_a_model(serve, visit, tmp_path):
    page = visit(serve('--demo', tmp_path).address())
    said(page, 'There is no model yet')
    said(page, 'laion/clap-htsat-unfused')
    assert page.get_by_text('Use the sample').count() == 0
    assert str(tmp_path) not in page.content()
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / 'no-model.png', full_page=True)
