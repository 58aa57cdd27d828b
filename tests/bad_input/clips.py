# Copyright (c) mmteso contributors. All rights reserved.
"""Clips to be inferred, their pictures and sounds."""
import re
import shutil

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmteso.apis import Clip
from mmteso.apis.clip_files import file_name
from mmteso.io import read_image
from mmteso.video import write_video
from .sounds import tone
from .spoiling import RATE, cut, write

VIDEO_RATE = 10


def make_clip(root):
    """A video of 3 s with a tone, its first pictures, and its sound."""
    root.mkdir()
    scene = np.full((48, 64, 3), 40, np.uint8)
    scene[:16, :20] = 220, 30, 30  # a red corner says what is up
    video(root, np.arange(3 * VIDEO_RATE) / VIDEO_RATE, scene)
    (root / 'frames').mkdir()
    for number in range(3):
        Image.fromarray(scene).save(root / f'frames/{number}.png')
    soundfile.write(root / 'audio.wav', tone(3), RATE)
    return root


def video(root, times, scene=None, seconds=3., turn=0, **options):
    """Write the video anew."""
    av = pytest.importorskip('av')
    if scene is None:
        scene = read_image(str(root / 'frames/0.png'))
    sound = [tone(seconds).astype(np.float32)] if seconds else None
    write_video(str(root / 'clip.mp4'), [(t, scene) for t in times], sound,
                RATE)
    if turn:
        with av.open(str(root / 'clip.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=1)
            stored = np.ascontiguousarray(np.rot90(scene, -turn // 90))
            stream.height, stream.width = stored.shape[:2]
            stream.pix_fmt = 'yuv420p'
            stream.set_display_rotation(turn)
            frame = av.VideoFrame.from_ndarray(stored, format='rgb24')
            container.mux([*stream.encode(frame), *stream.encode()])
    return options


def read_clip(root, clip='clip.mp4', fps=1., **options):
    """Pictures, sound and problems of a clip; its files lie in the root."""
    if isinstance(clip, str):
        clip = str(root / clip)
    elif isinstance(clip, dict):
        clip = {key: str(root / value) if isinstance(value, str) and
                key != 'name' else value for key, value in clip.items()}
    clip = Clip(clip, **options)
    images = [image for _, _, image in clip.steps(clip.fps(fps))]
    sound = clip.sound(RATE)
    return dict(name=file_name(clip.name), images=images, sound=sound
                and [sound.window(i, 1.) for i in range(3)],
                problems=' '.join(problem.what for problem in clip.problems))


def levels(found):
    """How loud each second is: 1 is the tone."""
    return [round(np.abs(window).mean() / (.3 * 2 / np.pi), 1)
            for window in found['sound']]


def plays(steps=3, sizes=(), loud=(1, 1, 1), problem='', name='clip'):
    """So many steps, all upright, of these sizes where they are other, and
    loud in these seconds."""

    def check(found, good, warned):
        assert len(found['images']) == steps
        for image, size in zip(found['images'],
                               [*sizes, *[(48, 64)] * (steps - len(sizes))]):
            assert image.shape == (*size, 3)
            assert image[0, 0, 0] > 150 > image[-1, 0, 0] or min(size) < 2
        if loud is None:
            assert found['sound'] is None
        else:
            assert levels(found) == list(loud)
        assert bool(found['problems']) == bool(problem)
        assert re.search(problem, found['problems'])
        assert found['name'] == name

    return check


def given(**clip):
    return lambda root: dict(clip=clip)


def pictures(*last, **clip):
    """Pictures as arrays; the last one may be another thing."""

    def spoil(root):
        image = read_image(str(root / 'frames/0.png'))[..., ::-1]
        changed = [value(image) if callable(value) else value
                   for value in last]
        return dict(clip=dict(
            dict(audio='audio.wav'),
            frames=[image] * (3 - len(last)) + changed, **clip))

    return spoil


def wave(*source):
    return given(frames='frames', audio=source)


def soundfile_of(samples, **options):
    def spoil(root):
        soundfile.write(root / 'audio.wav', samples, RATE, **options)
        return dict(clip=dict(frames='frames', audio='audio.wav'))

    return spoil


def then(spoil, **options):
    return lambda root: spoil(root) and None or options


NO_CLIP = r'is no clip\.\nA clip is one of'
NO_PICTURE = r'is no picture\.\nA clip is one of'
NO_MEDIA = r'clip\.mp4" \(\d+ bytes\) is no video or sound file that FFmpeg'
NO_FPS = 'fps must be a number of frames a second, above 0'
NO_SOUND = r'has no sound\. Give another file as audio .*--allow-silent'
NO_WAVE = r'A waveform must be finite floats in \[-1, 1\].*divide'
NO_RATE = 'A rate must be 1000 to 1000000 samples a second, but got'
WITH_WAVE = dict(clip=dict(frames='frames', audio='audio.wav'))
CLIPS = {
    'empty': (write('clip.mp4', b''), NO_MEDIA),
    'page of an error': (write('clip.mp4', '<html>404</html>' * 99),
                         NO_MEDIA),
    'missing': (lambda root: (root / 'clip.mp4').unlink(),
                r'clip\.mp4" does not exist'),
    'a folder': (lambda root: dict(clip='frames'), 'frames" does not exist'),
    'a picture': (lambda root: shutil.copy(
        root / 'frames/0.png', root / 'clip.mp4'), NO_SOUND),
    'a sound': (lambda root: dict(clip='audio.wav'), r'audio\.wav" has no '
                'picture, only 1 streams of sound'),
    'cut in the head': (write('clip.mp4', cut(.1)), r'clip\.mp4" has no frame '
                        f'that can be decoded|{NO_MEDIA}'),
    'second half cut': (
        write('clip.mp4', cut(.6)),
        lambda found, good, warned: plays(
            len(found['images']), loud=levels(found),
            problem='end|Invalid')(found, good, warned)),
    'no sound': (lambda root: video(root, np.arange(30) / 10, seconds=0),
                 NO_SOUND),
    'no sound, allowed': (lambda root: video(
        root, np.arange(30) / 10, seconds=0, allow_silent=True),
        plays(loud=None)),
    'sound that ends early': (lambda root: video(
        root, np.arange(30) / 10, seconds=1.), plays(loud=(1, 0, 0))),
    'one frame': (lambda root: video(root, [0.]), plays(1)),
    'variable frame rate': (lambda root: video(
        root, [0, .1, .2, 1.7, 1.8, 2.9]), plays()),
    '4 and 10 pictures a second': (lambda root: video(
        root, [*np.arange(8) / 4, *2 + np.arange(10) / 10]), plays()),
    **{f'turned by {turn}': (lambda root, turn=turn: video(
        root, [0.], turn=turn, allow_silent=True), plays(1, loud=None))
       for turn in (90, -90, 180)},
    'another sound': (given(video='clip.mp4', audio='audio.wav'), plays()),
    'a name that leads elsewhere': (given(video='clip.mp4', name='../../x'),
                                    plays(name='_.._x')),
    **{f'fps {fps!r}': (lambda root, fps=fps: dict(fps=fps), NO_FPS)
       for fps in (0, -1, float('nan'), float('inf'), 1e9, '1', None)},
    **{f'pictures at fps {fps!r}': (pictures(fps=fps), NO_FPS)
       for fps in (0, -1, float('nan'), 'x', None)},
    'neither file nor dict': (lambda root: dict(clip=3), NO_CLIP),
    'unknown key': (given(film='clip.mp4'), NO_CLIP),
    'two kinds': (given(video='clip.mp4', frames='frames'), NO_CLIP),
    'fps of a video': (given(video='clip.mp4', fps=2.), NO_CLIP),
    'pictures and sound': (given(frames='frames', audio='audio.wav'),
                           plays(name='frames')),
    'no pictures': (given(frames=[], audio='audio.wav'), 'has no pictures'),
    'None for pictures': (given(frames=None, audio='audio.wav'),
                          'has no pictures'),
    'folder without pictures': (
        then(lambda root: [path.unlink() for path in root.glob('*/*.png')],
             **WITH_WAVE), 'has no pictures'),
    'folder missing': (given(frames='nowhere', audio='audio.wav'),
                       'folder of pictures .*nowhere" does not exist'),
    'a file for a folder': (given(frames='audio.wav'), 'folder of pictures '
                            r'.*audio\.wav" does not exist'),
    'pictures without sound': (given(frames='frames'), r'no sound\. Give it '
                              'one as audio'),
    'a broken picture': (then(write('frames/1.png', cut(.5)), **WITH_WAVE),
                         r'1\.png" .* cannot be decoded.*copy it anew'),
    'a picture missing': (pictures('nowhere.png'), r'nowhere\.png" does not'),
    'sizes that differ': (pictures(lambda image: image[:20]),
                          plays(sizes=[(48, 64), (48, 64), (20, 64)])),
    '1 x 1': (pictures(lambda image: image[:1, :1]),
              plays(sizes=[(48, 64), (48, 64), (1, 1)])),
    **{what: (pictures(value), NO_PICTURE) for what, value in {
        'float picture': lambda image: image / 255,
        'grey picture': lambda image: image[..., 0],
        'picture with alpha': lambda image: np.dstack([image, image[..., 0]]),
        'picture without pixels': lambda image: image[:0],
        'None for a picture': None, 'a number for a picture': 3}.items()},
    **{f'PIL image of mode {mode}': (
        pictures(lambda image, mode=mode: Image.fromarray(
            image[..., ::-1]).convert(mode)), plays())
       for mode in ('RGB', 'RGBA', 'P', 'CMYK')},
    'stereo': (wave(np.stack([tone(3)] * 2), RATE), plays(name='frames')),
    'float32': (wave(tone(3).astype(np.float32), RATE), plays(name='frames')),
    'rate as a float': (wave(tone(3), 16e3), plays(name='frames')),
    'one second': (wave(tone(1), RATE), plays(loud=(1, 0, 0), name='frames')),
    'silence': (wave(0 * tone(3), RATE), plays(loud=(0, 0, 0),
                                               name='frames')),
    **{what: (wave(samples, RATE), NO_WAVE) for what, samples in {
        'integers': (tone(3) * 32767).astype(np.int16),
        'NaN': tone(3) * np.nan, 'infinite': np.full(RATE, np.inf),
        'channels last': np.stack([tone(3)] * 2, 1), '0 samples': tone(0),
        'three dimensions': tone(3)[None, None],
        'on the scale of integers': 32768 * tone(3)}.items()},
    **{f'rate {rate!r}': (wave(tone(3), rate), NO_RATE)
       for rate in (0, -1, 1, 1e9, None, '16k', float('nan'), 16000.5)},
    'waveform without rate': (given(frames='frames', audio=tone(3)),
                              r'a waveform and its rate, \(waveform, 16000'),
    'three values for a sound': (wave(tone(3), RATE, 1), 'and its rate'),
    'sound missing': (given(frames='frames', audio='no.wav'),
                      r'no\.wav" does not exist'),
    'sound that is a picture': (given(frames='frames', audio='frames/0.png'),
                                r'0\.png" has no sound'),
    'sound of 1 Hz': (then(write('audio.wav', lambda old: old[:24] +
                                 b'\1\0\0\0' + old[28:99]), **WITH_WAVE),
                      r'audio\.wav" says that it has 1 samples a second'),
    'WAV cut': (then(write('audio.wav', cut(.34)), **WITH_WAVE), plays(
        loud=(1, 0, 0), problem='the file ends early', name='frames')),
    'WAV of NaN': (soundfile_of(tone(3) * np.nan, subtype='FLOAT'), plays(
        loud=(0, 0, 0), problem='not finite', name='frames')),
    'WAV on the scale of integers': (
        soundfile_of(32768 * tone(3), subtype='FLOAT'), plays(
            loud=(0, 0, 0), problem=r'far beyond \[-1, 1\]', name='frames')),
}
