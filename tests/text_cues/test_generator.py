# Copyright (c) mmteso contributors. All rights reserved.
import time

import pytest
from instant_models import ColourCaptioner, EchoReasoner, write_frames

from mmteso.io import CueFile, CueFileError
from mmteso.text_cues import (ChatFailure, CueGenerator, FolderFrames,
                              ModelUnavailableError, TooManyFailuresError)


@pytest.fixture
def frames(tmp_path):
    return FolderFrames(
        str(write_frames(tmp_path / 'frames', 4, 3))).list_frames()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'cues.jsonl')


def generate(frames, path, captioner=None, reasoner=None, resume=False,
             **kwargs):
    generator = CueGenerator(captioner or ColourCaptioner(), reasoner
                             or EchoReasoner(), **kwargs)
    done = generator.find_done([path]) if resume else set()
    return generator.run(frames, path, done)


def keys(frames):
    return [frame.key for frame in frames]


@pytest.mark.parametrize('overlap', [False, True])
@pytest.mark.parametrize('batch_size', [1, 5, 100])
def test_each_frame_gets_the_cues_of_its_image(frames, path, overlap,
                                               batch_size):
    counts = generate(frames, path, batch_size=batch_size, overlap=overlap)
    cue_file = CueFile(path)
    assert list(cue_file) == keys(frames)
    for (uid, t), record in cue_file.items():
        value = str(10 * int(uid[-1]) + t)
        assert record.cues == (value, )
        assert record.caption == value
        assert record.reasoning == f'echo of {value}'
        assert (record.captioner, record.reasoner) == ('colour', 'echo')
        assert (record.prompt, record.prompt_hash) == ('none', 'ab')
        assert record.status == 'ok' and not record.error
        assert record.seconds >= 0 and record.version
    assert (counts['ok'], counts['failed']) == (len(frames), 0)


def test_a_captioner_may_look_at_the_clip(frames, path):
    with open(frames[1].img_path, 'wb') as file:
        file.write(b'no image')
    generate(frames, path, ColourCaptioner(reads='clip'))
    for (uid, _), record in CueFile(path).items():
        clip = 10 * int(uid[-1])
        assert record.caption == (
            f'{clip} {clip + 1} {clip + 2}' if clip else '')
        assert (record.status == 'failed') == (clip == 0)


def test_resuming_does_only_what_is_left(frames, path):
    generate(frames[:5], path, batch_size=2)
    before = open(path, 'rb').read()
    captioner, reasoner = ColourCaptioner(), EchoReasoner()
    counts = generate(
        frames, path, captioner, reasoner, resume=True, batch_size=3)
    assert open(path, 'rb').read().startswith(before)
    left = keys(frames[5:])
    assert captioner.prepared == [left]
    assert sum(captioner.batches, []) == sum(reasoner.batches, []) == left
    assert (counts['resumed'], counts['ok']) == (5, len(frames) - 5)
    assert list(CueFile(path)) == keys(frames)
    # all there: no model is prepared or asked
    captioner = ColourCaptioner()
    counts = generate(frames, path, captioner, resume=True)
    assert not captioner.prepared and not captioner.batches
    assert counts['resumed'] == len(frames)


def test_other_models_or_prompts_do_not_go_on(frames, path):
    generate(frames[:5], path)
    before = open(path, 'rb').read()
    with pytest.raises(CueFileError, match="caption_prompt_hash is ''"):
        generate(frames, path, ColourCaptioner(prompt_hash='x'), resume=True)
    reasoner = EchoReasoner()
    reasoner.prompt_hash = 'cd'
    with pytest.raises(CueFileError, match="'ab'.*'cd'.*another file"):
        generate(frames, path, reasoner=reasoner, resume=True)
    assert open(path, 'rb').read() == before


def test_frames_fail_alone(frames, path):
    """With a broken image, no description, no answer, too dark a picture."""
    with open(frames[1].img_path, 'wb') as file:
        file.write(b'no image')
    captioner = ColourCaptioner()
    reasoner = EchoReasoner(fail=[frames[4].key])
    describe = captioner.caption
    odd = {'10': ' \n', '12': ChatFailure('too dark')}
    captioner.caption = lambda batch: [
        odd.get(text, text) for text in describe(batch)]
    counts = generate(frames, path, captioner, reasoner)
    assert counts['failed'] == 4 and counts['ok'] == len(frames) - 4
    records = CueFile(path)
    assert len(records) == len(frames)
    errors = [records[frame.key].error for frame in frames]
    assert frames[1].img_path in errors.pop(1)
    assert errors[2:5] == ['The captioner said nothing.', 'no answer',
                           'too dark']
    assert not any(errors[:2] + errors[5:])
    record = records[frames[4].key]
    assert (record.caption, record.reasoning, record.cues) == ('11', 'raw', ())


@pytest.mark.parametrize('overlap', [False, True])
def test_what_was_reasoned_about_outlives_the_captioner(frames, path, overlap):
    captioner = ColourCaptioner()
    describe = captioner.caption

    def fail_at_the_third_batch(batch):
        if len(captioner.batches) == 2:
            raise ModelUnavailableError('out of memory')
        return describe(batch)

    captioner.caption = fail_at_the_third_batch
    with pytest.raises(ModelUnavailableError, match='out of memory'):
        generate(frames, path, captioner, EchoReasoner(delay=0.2),
                 batch_size=2, overlap=overlap)
    assert list(CueFile(path)) == keys(frames[:4])


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
    with pytest.raises(ValueError, match='Frame 2 of "clip0" is given 2'):
        generate(list(frames) + [frames[2]], path, captioner)
    assert not captioner.prepared


def test_too_many_failures_in_a_row_stop_the_run(frames, path):
    fail = keys(frames)
    with pytest.raises(TooManyFailuresError, match='last 4 frames failed.*'
                       'no answer'):
        generate(frames, path, reasoner=EchoReasoner(fail=fail), batch_size=2,
                 max_failures=4)
    assert len(CueFile(path)) == 4
    # a success between starts the count anew; None never stops
    generate(frames, path, reasoner=EchoReasoner(fail=fail[::2]), resume=True,
             max_failures=2)
    generate(frames, path + '2', reasoner=EchoReasoner(fail=fail),
             max_failures=None)
    assert CueFile(path + '2').num_failed == len(frames)


@pytest.mark.parametrize('overlap', [False, True])
def test_an_unavailable_model_stops_at_its_batch(frames, path, overlap):
    reasoner = EchoReasoner(unavailable=[frames[5].key])
    with pytest.raises(ModelUnavailableError, match='server is gone'):
        generate(
            frames, path, reasoner=reasoner, batch_size=2, overlap=overlap)
    # the batches before are safe
    assert list(CueFile(path))[:4] == keys(frames[:4])
    assert not set(keys(frames[4:6])) & set(CueFile(path))
    generate(frames, path, resume=True)
    assert len(CueFile(path)) == len(frames)


def test_overlap_captions_while_the_reasoner_works(frames, path):
    def seconds(name, overlap):
        start = time.perf_counter()
        generate(frames, path + name, ColourCaptioner(delay=0.1),
                 EchoReasoner(delay=0.1), batch_size=2, overlap=overlap)
        return time.perf_counter() - start

    # 6 batches: 12 delays, or 7
    assert seconds('a', False) > 1.2
    # a busy machine may need more than one attempt
    assert any(seconds(f'b{i}', True) < 1.1 for i in range(5))


def test_captions_only_then_no_caption(frames, path):
    CueGenerator(ColourCaptioner(), None).run(frames, path)
    cue_file = CueFile(path)
    assert cue_file.num_captioned == len(frames)
    assert cue_file[frames[4].key].caption == '11'
    assert cue_file[frames[4].key].reasoner == ''
    CueGenerator(None, EchoReasoner(needs_caption=False)).run(
        frames, path + '2')
    assert {(r.status, r.captioner)
            for r in CueFile(path + '2').values()} == {('ok', '')}
    for reasoner in (None, EchoReasoner()):
        with pytest.raises(ValueError, match='The captioner is None'):
            CueGenerator(None, reasoner)
