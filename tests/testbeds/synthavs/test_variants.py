# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import wave
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmteso.datasets.avsbench_meta import voc_palette
from mmteso.testbeds.synthavs import (CLASSES, LABEL2IDX, PALETTE, VARIANTS,
                                      generate_synthavs, get_variant)


@pytest.mark.parametrize('name', VARIANTS)
def test_a_variant_is_whole(name):
    variant = get_variant(name)
    assert variant.name == name
    assert list(variant.split_parts)[0] == 'train'
    for table in (variant.looks, variant.timbres):
        assert tuple(table) == variant.classes[1:]
    assert tuple(variant.train_priors) == variant.seen
    assert set(variant.seen) | set(variant.unseen) == set(variant.classes[1:])
    assert sum(variant.visible_percent) == 100
    assert variant.palette == voc_palette(len(variant.classes))
    # Three objects of 4 dB over the nominal level, and the loudest noise, of
    # which one sample in 10 ** 4 exceeds 4 sigma.
    peak = 3 * 1.6 * 2**0.5 + 4 * 10**(variant.ambient_db[1] / 20)
    assert peak * variant.object_rms < 1.1


def test_the_easy_one_is_the_package_s_own_class_list():
    easy = get_variant('easy')
    assert (easy.classes, easy.label2idx) == (CLASSES, LABEL2IDX)
    assert easy.palette == PALETTE


def test_unknown_variant(tmp_path):
    with pytest.raises(ValueError, match="'hard'.*got 'medium'"):
        generate_synthavs(tmp_path / 'out', variant='medium')
    assert not (tmp_path / 'out').exists()


def test_the_easy_one_is_what_it_was(tmp_path):
    """Stored, so that a change of it doesn't go by without a new version.

    Label maps and tables to the byte. Frames and sound only closely, since
    another release of NumPy or Pillow may round differently.
    """
    generate_synthavs(tmp_path, videos=3, frames=2, size=24)
    tables = hashlib.sha256()
    for name in ('metadata.csv', 'cues.jsonl', 'label2idx.json'):
        tables.update((tmp_path / name).read_bytes())
    assert tables.hexdigest()[:16] == '722a9545957f41ee'
    labels = hashlib.sha256()
    for path in sorted(tmp_path.glob('v2/*/labels_*/*.png')):
        labels.update(np.array(Image.open(path)).tobytes())
    assert labels.hexdigest()[:16] == '1a69157b2ae115d9'
    frames = [
        np.array(Image.open(path)).mean()
        for path in tmp_path.glob('v2/*/frames/*.jpg')
    ]
    assert np.mean(frames) == pytest.approx(99.714, abs=0.02)
    loudness = []
    for path in sorted(tmp_path.glob('v2/*/audio.wav')):
        with wave.open(str(path)) as file:
            sound = np.frombuffer(file.readframes(10**6), '<i2') / 32767
        loudness.append(np.sqrt(np.mean(sound**2)))
    assert loudness == pytest.approx([0.07689, 0.08228, 0.05302], abs=2e-5)


def test_what_nobody_can_tell_by_its_sound():
    assert not any(get_variant('easy').sound_alikes.values())
    alike = get_variant('hard').sound_alikes
    assert alike['striped-disc'] == {'striped-ring'}
    assert alike['dotted-star'] == {'dotted-cross'}
    assert all(
        len(others) == 1 and alike[next(iter(others))] == {name}
        for name, others in alike.items())
    # pitches that never meet
    far = replace(
        get_variant('hard'),
        timbres={
            name: replace(timbre, detune=0.005)
            for name, timbre in get_variant('hard').timbres.items()
        })
    assert not any(far.sound_alikes.values())
