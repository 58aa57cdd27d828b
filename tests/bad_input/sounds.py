# Copyright (c) mmteso contributors. All rights reserved.
"""Sounds."""
import io
import shutil

import numpy as np
import soundfile
import torch
from mmengine.dataset import pseudo_collate

from .cue_files import cues
from .metadata import another
from .spoiling import CLIP, FRAME, PARTS, RATE, SOUND, cut, folder, same, write


def tone(seconds=5., rate=RATE):
    return .3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) /
                       rate)


def sound(samples=None, rate=RATE, kind='WAV', subtype=None):
    def spoil(root):
        file = io.BytesIO()
        soundfile.write(file, tone() if samples is None else samples, rate,
                        format=kind, subtype=subtype)
        (root / SOUND).write_bytes(file.getvalue())

    return spoil


def heard(limit=1e-3, scale=1., start=None, **more):
    """The clips of frame 0 and 4 are those of a tone."""

    def check(found, good, warned):
        for sample, begin in zip(found, (0, 4 if start is None else start)):
            expected = scale * tone()[round(begin * RATE):][:15600]
            value = sample['waveform']
            assert value.shape == (15600, ) and value.dtype == np.float32
            edge = slice(900, -900)  # filters ring where a sound ends
            assert np.abs(value - expected)[edge].max() <= limit
        same(sound=lambda value, good: True, **more)(found, good, warned)

    return check


def field(start, value):
    """A field of the header of a wav file."""
    return write(SOUND, lambda old: old[:start] + value +
                 old[start + len(value):])


BROKEN = r'audio\.wav" \(\d+ bytes\) cannot be decoded .*expected wav'
SHORT = r'audio\.wav" of .* lasts {} s, too short for one clip .*Replace'
LESS = (r'audio\.wav" is cut short: \d+ bytes of the \d+ that its header '
        'says.*copy it anew')
SOUNDS = {
    'empty': (write(SOUND, b''), BROKEN),
    'page of an error': (write(SOUND, '<html>404</html>' * 99), BROKEN),
    'a picture': (lambda root: shutil.copy(root / FRAME, root / SOUND),
                  BROKEN),
    'raw samples': (write(SOUND, lambda old: old[44:]), BROKEN),
    'a folder': (folder(SOUND), r'audio\.wav \(expected the sound'),
    'missing': (lambda root: (root / SOUND).unlink(),
                r'audio\.wav \(expected the sound of the clip\)'),
    'a link to nowhere': (lambda root: (
        (root / SOUND).unlink(), (root / SOUND).symlink_to('nowhere')),
        r'audio\.wav \(expected the sound of the clip\)'),
    '0 samples': (sound(tone(0)), r'audio\.wav" holds no samples'),
    '1 sample': (sound(tone()[:1]), SHORT.format('0.000')),
    **{f'{seconds} s': (sound(tone(seconds)), SHORT.format(f'{seconds:.3f}'))
       for seconds in (.1, .5, .974)},
    '0.975 s': (sound(tone(.975)), heard(start=0, warns='too short for frame '
                                         r'4: its clip.* from 0\.000 s on')),
    '2.5 s': (sound(tone(2.5)), heard(
        start=1.525, warns='lasts 2.500 s, too short for frame 4')),
    '4.97 s': (sound(tone(4.97)), heard(start=3.995)),
    '10 s': (sound(np.concatenate([tone(), tone()])), heard()),
    **{f'{rate} Hz': (sound(tone(5, rate), rate), heard())
       for rate in (8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000)},
    '1 Hz': (sound(rate=1), r'audio\.wav" .* 1 samples a second'),
    '200 MHz': (sound(rate=200000000), r'audio\.wav" .*200000000 samples a '),
    **{f'{channels} channels': (
        sound(np.stack([tone()] * channels, 1)), heard())
       for channels in range(2, 9)},
    'one of two channels': (
        sound(np.stack([tone(), 0 * tone()], 1)), heard(scale=.5)),
    'opposite channels': (
        sound(np.stack([tone(), -tone()], 1)), heard(scale=0.)),
    'silence': (sound(0 * tone()), heard(scale=0.)),
    **{subtype: (sound(subtype=subtype), heard(limit))
       for subtype, limit in (('PCM_U8', .01), ('PCM_24', 1e-6),
                              ('PCM_32', 1e-6), ('FLOAT', 1e-6),
                              ('DOUBLE', 1e-6), ('ULAW', .01),
                              ('ALAW', .01), ('IMA_ADPCM', .02))},
    **{f'{kind} named .wav': (sound(kind=kind), heard(.02))
       for kind in ('FLAC', 'OGG', 'MP3', 'AIFF', 'AU', 'CAF', 'RF64')},
    'NaN': (sound(np.where(np.arange(80000) == 7, np.nan, tone()),
                  subtype='FLOAT'), r'audio\.wav" .* not finite'),
    'infinite': (sound(np.full(80000, np.inf), subtype='DOUBLE'),
                 r'audio\.wav" .* not finite'),
    'floats up to 1.5': (sound(5 * tone(), subtype='FLOAT'), heard(scale=5.)),
    'floats on the scale of integers': (
        sound(32768 * tone(), subtype='FLOAT'),
        r'audio\.wav" .* up to 9830.*\[-1, 1\].*[Dd]ivide'),
    'header longer than the file': (write(SOUND, cut(.5)), LESS),
    'last second missing': (write(SOUND, lambda old: old[:-32000]), LESS),
    'AIFF cut': ([sound(kind='AIFF'), write(SOUND, cut(.5))], LESS),
    'FLAC cut': ([sound(kind='FLAC'), write(SOUND, cut(.5))], BROKEN),
    'OGG cut': ([sound(kind='OGG'), write(SOUND, cut(.5))],
                r'audio\.wav" holds no samples'),
    'MP3 cut': ([sound(kind='MP3'), write(SOUND, cut(.5))], heard(
        1., start=1.5, warns='too short for frame [24]')),
    'cut in the header': (write(SOUND, lambda old: old[:30]),
                          f'{BROKEN}|{LESS}'),
    'nothing behind the header': (write(SOUND, lambda old: old[:44]),
                                  f'holds no samples|{LESS}'),
    'length not known, as written to a pipe': (
        [field(4, b'\xff' * 4), field(40, b'\xff' * 4)], same()),
    'no channels': (field(22, b'\0\0'), BROKEN),
    'bytes behind the end': (write(SOUND, lambda old: old + b'x' * 99),
                             same()),
}


def two_lengths(root):
    """Clips of 4 and of 10 s, and a frame of each."""
    other = root / 'v1m/long'
    shutil.copytree(root / CLIP, other)
    for name in ('frames/4.jpg', 'labels_rgb/4.png'):
        (root / CLIP / name).unlink()
        for number in range(5, 10):
            shutil.copy(other / name, other / name.replace('4', str(number)))
    sound(tone(4))(root)
    soundfile.write(other / 'audio.wav', tone(10), RATE)
    another(uid='long', split='test')(root)
    cues(lambda old: [*old, *(dict(old[0], uid='long', frame=number)
                              for number in range(10))])(root)
    return dict(frames=(0, 3, 13), frames_per_clip='folder')


def in_one_batch(found, good, warned):
    batch = pseudo_collate([
        {key: torch.as_tensor(np.ascontiguousarray(sample[key]))
         for key in PARTS.values()} for sample in found])
    assert {key: torch.stack(values).shape[0]
            for key, values in batch.items()} == dict.fromkeys(batch, 3)
    for sample, start in zip(found, (0, 3, 9)):
        assert np.abs(sample['waveform'] - tone(10)[start * RATE:][
            :15600]).max() < 1e-3
    assert not warned


SOUNDS['4 and 10 s in one batch'] = (two_lengths, in_one_batch)
