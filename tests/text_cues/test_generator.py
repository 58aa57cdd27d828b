# Copyright (c) mmteso contributors. All rights reserved.
import copy
import time

import pytest
from instant_models import ColourCaptioner, EchoReasoner
from PIL import Image

from mmteso.io import CueFile, CueFileError, CueWriter
from mmteso.text_cues import (ChatFailure, CueGenerator, FolderFrames,
                              ModelUnavailableError, TooManyFailuresError)

CLIPS, LENGTH = 4, 3


@pytest.fixture
def frames(tmp_path):
    """Images whose first pixel is 10 * clip + frame."""
    for clip in range(CLIPS):
        folder = tmp_path / 'frames' / f'clip{clip}'
        folder.mkdir(parents=True)
        for t in range(LENGTH):
            colour = (10 * clip + t, 0, 0)
            Image.new('RGB', (4, 4), colour).save(folder / f'{t}.png')
    return FolderFrames(str(tmp_path / 'frames')).list_frames()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'cues.jsonl')


def generate(frames, path, captioner=None, reasoner=None, resume=False,
             **kwargs):
    states = []
    generator = CueGenerator(captioner or ColourCaptioner(), reasoner
                             or EchoReasoner(), **kwargs)
    with CueWriter(path, resume=resume) as writer:
        generator.run(frames, writer, lambda p: states.append(copy.copy(p)))
    return states


@pytest.mark.parametrize('overlap', [False, True])
@pytest.mark.parametrize('batch_size', [1, 5, 100])
def test_each_frame_gets_the_cues_of_its_image(frames, path, overlap,
                                               batch_size):
    states = generate(frames, path, batch_size=batch_size, overlap=overlap)
    cue_file = CueFile(path)
    assert list(cue_file) == [frame.key for frame in frames]
    for (uid, t), record in cue_file.items():
        value = str(10 * int(uid[-1]) + t)
        assert record.cues == (value, )
        assert record.caption == value
        assert record.reasoning == f'echo of {value}'
        assert (record.captioner, record.reasoner) == ('colour', 'echo')
        assert (record.prompt, record.prompt_hash) == ('none', 'ab')
        assert record.status == 'ok' and not record.error
        assert record.seconds >= 0
    assert states[0].done == 0 and states[-1].done == len(frames)
    assert [s.total for s in states] == [len(frames)] * len(states)
    # each batch is written once it is done
    assert len(states) == 1 + -(-len(frames) // batch_size)


def test_a_captioner_may_look_at_the_clip(frames, path):
    generate(frames, path, ColourCaptioner(reads='clip'))
    for (uid, _), record in CueFile(path).items():
        clip = 10 * int(uid[-1])
        assert record.caption == f'{clip} {clip + 1} {clip + 2}'


def test_resuming_does_only_what_is_left(frames, path):
    generate(frames[:5], path, batch_size=2)
    before = open(path, 'rb').read()
    captioner, reasoner = ColourCaptioner(), EchoReasoner()
    states = generate(
        frames, path, captioner, reasoner, resume=True, batch_size=3)
    assert open(path, 'rb').read().startswith(before)
    left = [frame.key for frame in frames[5:]]
    assert captioner.prepared == [left]
    assert [key for batch in captioner.batches for key in batch] == left
    assert [key for batch in reasoner.batches for key in batch] == left
    assert (states[-1].resumed, states[-1].done) == (5, len(frames) - 5)
    assert list(CueFile(path)) == [frame.key for frame in frames]
    # all there: no model is prepared or asked
    captioner = ColourCaptioner()
    states = generate(frames, path, captioner, resume=True)
    assert not captioner.prepared and not captioner.batches
    assert (states[-1].resumed, states[-1].done) == (len(frames), 0)


def test_other_models_or_prompts_do_not_go_on(frames, path):
    generate(frames[:5], path)
    before = open(path, 'rb').read()
    with pytest.raises(CueFileError, match="caption_prompt_hash is '', now"):
        generate(frames, path, ColourCaptioner(prompt_hash='x'), resume=True)
    reasoner = EchoReasoner()
    reasoner.prompt_hash = 'cd'
    with pytest.raises(CueFileError, match="prompt_hash is 'ab', now it is "
                       "'cd'.*Write to another file"):
        generate(frames, path, reasoner=reasoner, resume=True)
    assert open(path, 'rb').read() == before


def test_broken_images_fail_alone(frames, path):
    with open(frames[1].img_path, 'wb') as file:
        file.write(b'no image')
    half = open(frames[4].img_path, 'rb').read()[:50]
    with open(frames[4].img_path, 'wb') as file:
        file.write(half)
    states = generate(frames, path)
    assert states[-1].failed == 2
    cue_file = CueFile(path)
    assert len(cue_file) == len(frames)
    failed = {key: r for key, r in cue_file.items() if r.status == 'failed'}
    assert set(failed) == {frames[1].key, frames[4].key}
    for frame in (frames[1], frames[4]):
        assert frame.img_path in failed[frame.key].error
        assert failed[frame.key].cues == ()


def test_frames_that_a_captioner_cannot_describe_fail_alone(frames, path):
    captioner, reasoner = ColourCaptioner(), EchoReasoner()
    describe = captioner.caption
    captioner.caption = lambda batch: [
        ChatFailure('too dark') if text == '11' else text
        for text in describe(batch)
    ]
    generate(frames, path, captioner, reasoner)
    record, = (r for r in CueFile(path).values() if r.status == 'failed')
    assert (record.uid, record.frame, record.error) == ('clip1', 1, 'too dark')
    assert ('clip1', 1) not in sum(reasoner.batches, [])
    assert len(CueFile(path)) == len(frames)


@pytest.mark.parametrize('needs_caption', [True, False])
def test_nobody_reasons_about_a_blank_caption(frames, path, needs_caption):
    captioner = ColourCaptioner()
    captioner.caption = lambda batch: [' \n'] * len(batch)
    reasoner = EchoReasoner(needs_caption=needs_caption)
    generate(frames, path, captioner, reasoner)
    assert bool(reasoner.batches) != needs_caption
    errors = {record.error for record in CueFile(path).values()}
    assert errors == {'The captioner said nothing.' if needs_caption else ''}


@pytest.mark.parametrize('overlap', [False, True])
def test_what_was_reasoned_about_outlives_the_captioner(frames, path,
                                                        overlap):
    captioner = ColourCaptioner()
    describe = captioner.caption

    def fail_at_the_third_batch(batch):
        if len(captioner.batches) == 2:
            raise ModelUnavailableError('out of memory')
        return describe(batch)

    captioner.caption = fail_at_the_third_batch
    with pytest.raises(ModelUnavailableError, match='out of memory'):
        generate(
            frames,
            path,
            captioner,
            EchoReasoner(delay=0.2),
            batch_size=2,
            overlap=overlap)
    assert list(CueFile(path)) == [frame.key for frame in frames[:4]]


def test_the_reasoner_is_prepared_first(frames, path):
    captioner, reasoner = ColourCaptioner(), EchoReasoner()

    def refuse(_):
        raise ModelUnavailableError('wrong key')

    reasoner.prepare = refuse
    with pytest.raises(ModelUnavailableError, match='wrong key'):
        generate(frames, path, captioner, reasoner)
    assert not captioner.prepared


def test_a_frame_given_twice_is_found_at_once(frames, path):
    captioner = ColourCaptioner()
    with pytest.raises(ValueError, match='1 frames are given twice.*frame 2 '
                       'of "clip0"'):
        generate(list(frames) + [frames[2]], path, captioner)
    assert not captioner.prepared


def test_a_clip_with_a_broken_image_fails_for_its_captioner(frames, path):
    with open(frames[1].img_path, 'wb') as file:
        file.write(b'no image')
    generate(frames, path, ColourCaptioner(reads='clip'))
    statuses = [r.status for r in CueFile(path).values()]
    assert statuses.count('failed') == LENGTH


def test_failures_are_recorded_with_what_was_said(frames, path):
    bad = frames[3]
    states = generate(frames, path, reasoner=EchoReasoner(fail=[bad.key]))
    record = CueFile(path)[bad.key]
    assert (record.status, record.error) == ('failed', 'no answer')
    assert (record.reasoning, record.cues) == ('raw', ())
    assert record.caption == '10'
    assert states[-1].failed == 1
    # failed is done, too: resuming doesn't try it again
    states = generate(frames, path, resume=True)
    assert states[-1].done == 0


def test_too_many_failures_in_a_row_stop_the_run(frames, path):
    fail = [frame.key for frame in frames]
    with pytest.raises(TooManyFailuresError, match='last 4 frames failed.*'
                       'no answer'):
        generate(
            frames,
            path,
            reasoner=EchoReasoner(fail=fail),
            batch_size=2,
            max_failures=4)
    assert len(CueFile(path)) == 4
    # a success between starts the count anew; None never stops
    alternating = fail[::2]
    generate(
        frames,
        path,
        reasoner=EchoReasoner(fail=alternating),
        resume=True,
        max_failures=2)
    with CueWriter(path + '2') as writer:
        CueGenerator(
            ColourCaptioner(), EchoReasoner(fail=fail),
            max_failures=None).run(frames, writer)
    assert CueFile(path + '2').num_failed == len(frames)


@pytest.mark.parametrize('overlap', [False, True])
def test_an_unavailable_model_stops_at_its_batch(frames, path, overlap):
    reasoner = EchoReasoner(unavailable=[frames[5].key])
    with pytest.raises(ModelUnavailableError, match='server is gone'):
        generate(
            frames, path, reasoner=reasoner, batch_size=2, overlap=overlap)
    # the batches before are safe, and the lock is released
    assert list(CueFile(path)) == [frame.key for frame in frames[:4]]
    generate(frames, path, resume=True)
    assert len(CueFile(path)) == len(frames)


def test_overlap_captions_while_the_reasoner_works(frames, path):
    def seconds(name, overlap):
        start = time.perf_counter()
        generate(
            frames,
            path + name,
            ColourCaptioner(delay=0.1),
            EchoReasoner(delay=0.1),
            batch_size=2,
            overlap=overlap)
        return time.perf_counter() - start

    # 6 batches: 12 delays, or 7
    assert seconds('a', False) > 1.2
    # a busy machine may need more than one attempt
    assert any(seconds(f'b{i}', True) < 1.1 for i in range(5))


def test_captions_only_then_no_caption(frames, path):
    with CueWriter(path) as writer:
        CueGenerator(ColourCaptioner(), None).run(frames, writer)
    cue_file = CueFile(path)
    assert cue_file.num_captioned == len(frames)
    assert cue_file[frames[4].key].caption == '11'
    assert cue_file[frames[4].key].reasoner == ''
    with CueWriter(path + '2') as writer:
        CueGenerator(None, EchoReasoner(needs_caption=False)).run(
            frames, writer)
    assert {r.status for r in CueFile(path + '2').values()} == {'ok'}
    assert {r.captioner for r in CueFile(path + '2').values()} == {''}


def test_impossible_combinations():
    with pytest.raises(ValueError, match='captioner, a reasoner or both'):
        CueGenerator(None, None)
    with pytest.raises(ValueError, match='reasons about captions'):
        CueGenerator(None, EchoReasoner())
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        CueGenerator(ColourCaptioner(), EchoReasoner(), batch_size=0)


def test_models_must_answer_for_each_frame(frames, path):
    captioner = ColourCaptioner()
    captioner.caption = lambda loaded: ['one']
    with pytest.raises(ValueError, match='ColourCaptioner gave 1 answers'):
        generate(frames, path, captioner)
