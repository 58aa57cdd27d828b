# Copyright (c) mmteso contributors. All rights reserved.
import threading

import pytest
from PIL import Image

from mmteso.text_cues import Frame
from mmteso.text_cues.loading import iter_batches, load_batch


@pytest.fixture
def clip(tmp_path):
    """Five frames of a clip; the first pixel tells which."""
    paths = tuple(str(tmp_path / f'{t}.png') for t in range(5))
    for t, path in enumerate(paths):
        Image.new('RGB', (3, 2), (t, 0, 0)).save(path)
    return [Frame('u', t, path, paths) for t, path in enumerate(paths)]


def colours(loaded):
    return [image.getpixel((0, 0))[0] for image in loaded.images]


def test_what_a_captioner_reads(clip):
    assert [colours(x) for x in load_batch(clip, 'frame').loaded
            ] == [[0], [1], [2], [3], [4]]
    assert [colours(x) for x in load_batch(clip[:2], 'clip').loaded
            ] == [[0, 1, 2, 3, 4]] * 2
    assert [colours(x) for x in load_batch(clip, None).loaded] == [[]] * 5
    with pytest.raises(ValueError, match="but got 'sound'"):
        load_batch(clip, 'sound')


@pytest.mark.parametrize('mode, colour', [('L', 7), ('RGBA', (7, 7, 7, 0)),
                                          ('P', 7), ('CMYK', (1, 2, 3, 4))])
def test_images_come_as_rgb(tmp_path, mode, colour):
    path = str(tmp_path / ('x.jpg' if mode == 'CMYK' else 'x.png'))
    Image.new(mode, (3, 2), colour).save(path)
    loaded, = load_batch([Frame('u', 0, path)], 'frame').loaded
    assert loaded.images[0].mode == 'RGB'
    assert loaded.images[0].size == (3, 2)


def test_a_broken_image_costs_its_frame_only(clip, tmp_path):
    (tmp_path / '1.png').unlink()
    content = (tmp_path / '3.png').read_bytes()
    (tmp_path / '3.png').write_bytes(content[:40])
    batch = load_batch(clip, 'frame')
    assert [x.frame.frame for x in batch.loaded] == [0, 2, 4]
    assert [frame.frame for frame, _ in batch.broken] == [1, 3]
    assert all(frame.img_path in error for frame, error in batch.broken)


@pytest.mark.parametrize('num_workers', [1, 3, 50])
@pytest.mark.parametrize('batch_size', [1, 2, 5, 9])
def test_batches_come_in_order(clip, batch_size, num_workers):
    frames = clip * 4
    batches = list(iter_batches(frames, 'frame', batch_size, num_workers))
    assert [len(batch.loaded) for batch in batches[:-1]
            ] == [batch_size] * (len(batches) - 1)
    assert [x.frame for batch in batches for x in batch.loaded] == frames
    assert [colours(x) for batch in batches for x in batch.loaded
            ] == [[frame.frame] for frame in frames]


def test_no_more_is_read_ahead_than_asked_for(clip, monkeypatch):
    read = []
    monkeypatch.setattr('mmteso.text_cues.loading.load_batch',
                        lambda frames, reads: read.append(frames))
    batches = iter_batches(clip * 20, 'frame', 1, num_workers=2)
    next(batches)
    batches.close()
    assert len(read) <= 3
    assert not any(thread.name.startswith('frames')
                   for thread in threading.enumerate())
