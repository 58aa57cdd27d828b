# Copyright (c) mmteso contributors. All rights reserved.
import importlib.util
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_hf import write_video_llava

from mmteso.text_cues import (CAPTIONERS, Frame, LoadedFrame,
                              ModelUnavailableError)

NO_TORCHVISION = importlib.util.find_spec('torchvision') is None


@pytest.fixture(scope='module')
def folder(needs_transformers, tmp_path_factory):
    """Folder of a small random LLaVA-NeXT-Video."""
    return write_video_llava(str(tmp_path_factory.mktemp('hf') / 'video'))


@pytest.fixture
def video_llava(folder, monkeypatch):
    """The same, loadable without torchvision.

    transformers prepares videos with torchvision only. Where there is none,
    its processor of images stands in for that one class, frame by frame; the
    model and all the rest of its processor are the real ones.
    """
    if NO_TORCHVISION:
        import transformers
        from transformers.models.auto import video_processing_auto
        from transformers.video_processing_utils import VideoProcessorMixin

        class PilVideoProcessor(VideoProcessorMixin):
            model_input_names = ['pixel_values_videos']
            do_sample_frames = True

            @classmethod
            def from_pretrained(cls, path, **kwargs):
                return cls()

            def __call__(self, videos, do_sample_frames=True, **kwargs):
                assert not do_sample_frames
                images = transformers.CLIPImageProcessorPil.from_pretrained(
                    folder)
                pixels = [
                    images(list(video), return_tensors='pt').pixel_values
                    for video in videos
                ]
                return dict(pixel_values_videos=torch.stack(pixels))

        monkeypatch.setattr(video_processing_auto, 'AutoVideoProcessor',
                            PilVideoProcessor)
        # where transformers looks for the class to check it by
        monkeypatch.setattr(
            transformers,
            'VideoProcessorMixin',
            VideoProcessorMixin,
            raising=False)
    return folder


def build(model, **kwargs):
    return CAPTIONERS.build(
        dict(
            type='VideoCaptioner',
            model=model,
            generation=dict(max_new_tokens=8),
            **kwargs))


def clip(uid, length, seed=0):
    """The frames of a clip, each with the images of all."""
    rng = np.random.default_rng(seed)
    images = tuple(
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
        for _ in range(length))
    paths = tuple(f'{uid}/{i}.png' for i in range(length))
    return [
        LoadedFrame(Frame(uid, i, paths[i], paths), images)
        for i in range(length)
    ]


def test_frames_of_a_clip_share_its_caption(video_llava, spy_generate):
    captioner = build(video_llava)
    spied = spy_generate(captioner.model)
    one, two = clip('one', 3, seed=1), clip('two', 3, seed=2)
    captions = captioner.caption(one + two)
    assert captions[0] == captions[1] == captions[2]
    assert captions[3] == captions[4] == captions[5]
    # the images reach the answer
    assert captions[0] != captions[3]
    call, = spied.calls
    assert call['pixel_values_videos'].shape == (2, 3, 3, 28, 28)
    # one token per frame is what 2 x 2 patches are pooled to
    text = captioner.model.tokenizer.decode(call['input_ids'][0])
    assert text.startswith(f'<s>USER: {"<video>" * 3}\nPlease carefully')
    assert captions[3] == build(video_llava).caption(two)[0]


def test_a_clip_in_several_batches_is_captioned_once(video_llava,
                                                     spy_generate):
    captioner = build(video_llava)
    spied = spy_generate(captioner.model)
    frames = clip('one', 4, seed=1) + clip('two', 4, seed=2)
    captions = []
    for start in range(0, len(frames), 3):
        captions += captioner.caption(frames[start:start + 3])
    assert [len(call['input_ids']) for call in spied.calls] == [1, 1]
    assert len(set(captions[:4])) == len(set(captions[4:])) == 1
    # another clip of the same name, e.g. of another subset
    paths = ('elsewhere.png', )
    other = LoadedFrame(Frame('two', 0, *paths, paths), frames[0].images[:1])
    assert captioner.caption([other]) != captions[-1:]


def test_clips_of_different_lengths(video_llava, spy_generate):
    captioner = build(video_llava)
    spied = spy_generate(captioner.model)
    clips = [clip(str(n), n, seed=n) for n in (5, 2, 5)]
    clips[2] = clip('5b', 5, seed=9)
    captions = captioner.caption([frames[0] for frames in clips])
    assert [call['pixel_values_videos'].shape[:2] for call in spied.calls
            ] == [(2, 5), (1, 2)]
    alone = build(video_llava)
    assert captions == [alone.caption(frames[:1])[0] for frames in clips]


@pytest.mark.parametrize('length, places', [
    (10, [0, 3, 6, 9]),
    (5, [0, 1, 3, 4]),
    (4, [0, 1, 2, 3]),
    (2, [0, 1]),
])
def test_frames_are_taken_at_equal_distances(folder, length, places):
    captioner = build(folder, num_frames=4)
    assert captioner._sample(list(range(length))) == tuple(places)


def test_a_model_of_several_images(llava, spy_generate):
    captioner = build(llava, inputs='images', num_frames=3)
    spied = spy_generate(captioner.model)
    captions = captioner.caption(clip('one', 7, 1) + clip('two', 7, 2))
    call, = spied.calls
    assert call['pixel_values'].shape == (6, 3, 28, 28)
    text = captioner.model.tokenizer.decode(call['input_ids'][0])
    assert text.count('<image>') == 3 * 4
    assert len(set(captions)) == 2
    plain = build(
        llava,
        inputs='images',
        num_frames=3,
        template='USER: {images}\n{prompt} ASSISTANT:')
    spied = spy_generate(plain.model)
    plain.caption(clip('one', 7, 1))
    text = plain.model.tokenizer.decode(spied.calls[0]['input_ids'][0])
    assert text.startswith(f'<s>USER: {"<image>" * 12}\nPlease')


@pytest.mark.parametrize('inputs', ['video', 'images'])
def test_processor_saved_without_settings(video_llava, tmp_path, inputs):
    frames = clip('one', 2, seed=1)
    expected = build(video_llava, inputs=inputs).caption(frames)
    copy = shutil.copytree(video_llava, tmp_path / 'copy')
    (copy / 'processor_config.json').unlink()
    assert build(str(copy), inputs=inputs).caption(frames) == expected


def test_model_that_reads_no_videos(llava):
    with pytest.raises(ModelUnavailableError, match='inputs=\'images\''):
        build(llava).prepare([])


@pytest.mark.skipif(not NO_TORCHVISION, reason='torchvision is installed')
def test_without_torchvision(folder):
    with pytest.raises(ModelUnavailableError,
                       match='(?i)torchvision.* belongs to torch'):
        build(folder).prepare([])


def test_frames_that_belong_to_no_clip(folder):
    with pytest.raises(ValueError, match='gives no clip_paths for'):
        build(folder).prepare([Frame('a', 0, 'a.png')])


def test_nonsense_is_refused(folder):
    with pytest.raises(ValueError, match="'film'"):
        build(folder, inputs='film')
    with pytest.raises(ValueError, match='num_frames'):
        build(folder, num_frames=0)


def test_what_has_to_be_loaded_for_it(folder):
    assert build(folder).reads == 'clip'
