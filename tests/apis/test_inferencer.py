# Copyright (c) mmteso contributors. All rights reserved.
"""From a clip to masks, by a narrow model with random weights."""
import itertools
import json
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from chat_server import ChatServer
from narrow import KEEP_ALL, TEXT_DIMS, save_model
from PIL import Image
from processes import run

from mmteso.apis import AVSInferencer, Clip, Condition
from mmteso.apis.cues import CueSource
from mmteso.page import ClipSession
from mmteso.video import MediaError, write_video

RATE = 16000


def pictures(seconds=3, fps=10):
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (48, 64, 3), np.uint8)
    return [(i / fps, np.roll(scene, i, 1)) for i in range(seconds * fps)]


def noise(seconds=3):
    rng = np.random.default_rng(1)
    return rng.normal(0, .2, seconds * RATE).astype(np.float32)


def narrow_text(model):
    model.prompt_encoder.text_dims = TEXT_DIMS


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Config, checkpoint and clip."""
    root = tmp_path_factory.mktemp('inferencer')
    for source, name in zip(save_model(root, 'teso/teso_r18_synthavs'),
                            ('config.py', 'model.pth')):
        Path(source).rename(root / name)
    write_video(str(root / 'clip.mp4'), pictures(), [noise()], RATE)
    write_video(str(root / 'silent.mp4'), pictures())
    return root


@pytest.fixture(scope='module')
def inferencer(made):
    return AVSInferencer(str(made / 'config.py'), str(made / 'model.pth'))


@pytest.fixture(scope='module')
def clip(made):
    return str(made / 'clip.mp4')


def test_a_clip_gives_a_frame_a_second(inferencer, clip):
    frames = inferencer(clip, cues=['dog', 'man'])
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame in frames:
        assert frame.mask.dtype == np.uint8
        assert frame.mask.shape == frame.score.shape == (48, 64)
        np.testing.assert_array_equal(frame.mask, frame.score > .5)
        assert [cue.name for cue in frame.cues] == ['dog', 'man']
        assert all(cue.kept == (cue.score >= 0) for cue in frame.cues)


def test_several_sounds_equal_one_after_the_other(inferencer, clip):
    sounds = ['normal', 'mute', 'noise', clip]
    together = list(inferencer.compare(clip, [Condition(s) for s in sounds],
                                       cues=['dog']))
    for number, sound in enumerate(sounds):
        alone = inferencer(clip, sound=sound, cues=['dog'])
        for frame, results in zip(alone, together, strict=True):
            np.testing.assert_array_equal(results[number].score, frame.score)
    first = together[0]
    assert not first[1].sound.any() and first[0].sound.any()
    np.testing.assert_array_equal(first[3].score, first[0].score)
    assert not np.array_equal(first[1].score, first[0].score)


def test_cues_change_what_is_found(inferencer, clip, monkeypatch):
    # random weights may drop all cues, and no text would count
    monkeypatch.setattr(inferencer.model.prompt_encoder.dynamic_mask,
                        'threshold', KEEP_ALL)
    results, *_ = inferencer.compare(
        clip, [Condition(cues=['dog']), Condition(cues=['violin'])])
    assert not np.array_equal(results[0].score, results[1].score)


def test_all_forms_of_a_clip(inferencer, made, tmp_path):
    images = [image for _, image in pictures(3, 1)]
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f'{i}.png')
    forms = [dict(frames=[image[..., ::-1] for image in images],
                  audio=(noise(), RATE)),
             dict(frames=str(tmp_path), audio=(np.stack([noise()] * 2), RATE)),
             dict(frames=[Image.fromarray(image) for image in images],
                  audio=(noise(), RATE))]
    scores = [[frame.score for frame in inferencer(form, cues=['dog'])]
              for form in forms]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
    np.testing.assert_array_equal(scores[0], scores[2])
    still = inferencer(
        dict(image=images[0], audio=(noise(), RATE)), cues=['dog'])
    assert len(still) == 3
    assert not np.array_equal(still[0].score, still[1].score)
    with pytest.raises(TypeError, match='A clip is one of'):
        Clip(dict(film='a.mp4'))


def test_a_clip_without_sound(inferencer, made, clip):
    silent = str(made / 'silent.mp4')
    with pytest.raises(MediaError, match=r'no sound.*--allow-silent'):
        inferencer(silent, cues=['dog'])
    with pytest.raises(MediaError, match=r'no sound\.$'):
        inferencer(
            dict(video=silent, audio=silent), cues=['dog'], allow_silent=True)
    allowed = inferencer(silent, cues=['dog'], allow_silent=True)
    muted = inferencer(dict(video=silent, audio=clip),
                       cues=['dog'], sound='mute')
    np.testing.assert_array_equal(allowed[1].score, muted[1].score)


def test_cues_are_needed(inferencer, clip):
    with pytest.raises(ValueError, match='--cue-generator'):
        inferencer(clip)


def test_a_model_needs_weights(made):
    with pytest.raises(ValueError, match='needs a checkpoint'):
        AVSInferencer(str(made / 'config.py'))


def test_command_python_and_page_give_the_same_masks(inferencer, made, clip,
                                                     tmp_path):
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    command = [sys.executable, 'tools/infer.py', str(broken),
               clip, '--config', str(made / 'config.py'),
               '--checkpoint', str(made / 'model.pth'), '--cues', 'dog',
               '<b>man</b>', '--out', str(tmp_path / 'command')]
    done = run(command, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert [line['status'] for line in lines] == ['failed', 'ok']
    again = run(command, check=False)
    assert '"status": "there"' in again.stdout

    result = inferencer.write(
        clip, tmp_path / 'python', cues=['dog', '<b>man</b>'])
    session = ClipSession(inferencer, parent=str(tmp_path))
    session.take_clip(shutil.copy(clip, tmp_path))
    list(session.find(['dog', '<b>man</b>']))
    shutil.unpack_archive(session.write('normal', .5), tmp_path / 'page')
    folders = [Path(tmp_path, kind, 'clip')
               for kind in ('command', 'python', 'page')]
    for name in ('masks/000000.png', 'masks/000002.png', 'result.json'):
        one, two, three = ((folder / name).read_bytes() for folder in folders)
        assert one == two == three
    assert [frame['step'] for frame in result['frames']] == [0, 1, 2]
    page = (folders[1] / 'player.html').read_text()
    assert '<b>man' not in page and '\\u003cb>man' in page
    with av.open(str(folders[1] / 'overlay.mp4')) as container:
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_cues_of_another_encoder_than_the_banks(made, clip):
    other = dict(type='HashTextEncoder', embed_dims=TEXT_DIMS, seed=1)
    model = AVSInferencer(str(made / 'config.py'), str(made / 'model.pth'),
                          text_encoder=other)
    for _ in range(2):  # it isn't kept
        with pytest.raises(ValueError, match="two encoders don't go together"):
            model(clip, cues=['harp'])


def test_semantic_masks_hold_classes(made, clip, tmp_path):
    model = AVSInferencer(*save_model(made, 'teso/teso_r50_avss'))
    assert model.semantic and len(model.classes) == 71
    frame, *_ = model(clip, cues=['dog'])
    everything, *_ = model(clip, cues=['dog'], threshold=0.)
    assert frame.mask.max() < 71 and everything.mask.min() > 0
    np.testing.assert_array_equal(everything.score, frame.score)
    np.testing.assert_array_equal(everything.mask, frame.at(0.).mask)
    model.write(clip, tmp_path, cues=['dog'], threshold=0., save=['masks'])
    with Image.open(tmp_path / 'clip/masks/000000.png') as picture:
        assert picture.mode == 'P'
        np.testing.assert_array_equal(np.asarray(picture), everything.mask)
        assert picture.getpalette()[3:6] == list(model.palette[1])


@pytest.mark.parametrize(
    'name, narrow', [('teso-sam/teso-sam_tiny_synthavs', None),
                     ('combinations/fusion-knet_r18_synthavs', narrow_text)])
def test_other_heads(made, clip, name, narrow):
    model = AVSInferencer(*save_model(made, name, narrow))
    normal, muted = next(iter(model.compare(
        clip, [Condition(), Condition('mute')], cues=['dog'])))
    assert normal.mask.shape == (48, 64)
    assert not np.array_equal(normal.score, muted.score)


def test_mixed_precision_is_near(inferencer, clip):
    full, half = (inferencer(clip, cues=['dog'], amp=amp)[0]
                  for amp in (None, 'bf16'))
    assert half.score.dtype == np.float32
    assert 0 < np.abs(full.score - half.score).max() < .05


def test_cues_are_generated_from_the_frames(inferencer, clip, tmp_path):
    with ChatServer(model='tiny-chat') as server:
        model = dict(base_url=server.url, model='tiny-chat')
        result = inferencer.write(
            clip, tmp_path, save=[], cue_generator=dict(
                captioner=dict(type='OpenAICaptioner', **model),
                reasoner=dict(type='OpenAIReasoner', prompt='few_shot_cot',
                              **model)))
        sent = [request['messages'][0]['content']
                for request in server.requests]
    assert sum(isinstance(content, list) for content in sent) == 3
    assert all(frame['cues'] for frame in result['frames'])
    assert result['problems'] == []


def test_cues_that_cannot_be_generated(inferencer, clip, tmp_path):
    """The page's download says so, too."""
    with ChatServer(itertools.repeat(400)) as server:
        model = dict(base_url=server.url, model=server.model)
        source = CueSource(
            generator=dict(captioner=dict(type='OpenAICaptioner', **model),
                           reasoner=dict(type='OpenAIReasoner', **model)))
        inferencer.write(clip, tmp_path / 'python', cues=source)
        session = ClipSession(inferencer, parent=str(tmp_path),
                              generator=source)
        session.take_clip(shutil.copy(clip, tmp_path))
        list(session.find([]))
        shutil.unpack_archive(session.write('normal', .5), tmp_path / 'page')
    one, two = ((tmp_path / kind / 'clip/result.json').read_text()
                for kind in ('python', 'page'))
    assert one == two and one.count('no cues: ') == 3
    assert [problem['time'] for problem in json.loads(one)['problems']] == [
        0, 1, 2]


def test_an_earlier_run_leaves_nothing_behind(inferencer, clip, tmp_path):
    for fps in (2., 1.):
        inferencer.write(clip, tmp_path, cues=['dog'], fps=fps,
                         save=['masks', 'overlays'])
    for kind in ('masks', 'overlays'):
        assert len(list((tmp_path / 'clip' / kind).iterdir())) == 3
