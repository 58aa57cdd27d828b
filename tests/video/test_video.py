# Copyright (c) mmteso contributors. All rights reserved.
"""Frames and sound by their timestamps, of generated H.264 and AAC."""
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from mmteso.audio import read_waveform
from mmteso.video import Sound, VideoFile, write_video

RATE = 44100


def picture(number):
    image = np.full((96, 128, 3), 40, np.uint8)
    image[:32, :40] = 220, 30, 30  # a red corner says what is up
    image[-20:, -20:] = 5 * number
    return image


def tone(seconds, begin=0.):
    time = np.arange(round(seconds * RATE)) / RATE
    return (.3 * np.sin(2764. * time) * (time >= begin)).astype(np.float32)


def make(path, times, sound=None):
    blocks = None if sound is None else np.array_split(sound, 7)
    write_video(str(path), [(t, picture(i)) for i, t in enumerate(times)],
                blocks, RATE)
    return str(path)


def test_a_frame_is_taken_at_15_16_of_its_second(tmp_path):
    video = VideoFile(make(tmp_path / 'a.mp4', np.arange(50) / 10))
    found = [(step, round(time, 3)) for step, time, _ in video.sample(1)]
    assert found == [(0, .9), (1, 1.9), (2, 2.9), (3, 3.9), (4, 4.9)]
    assert [round(time, 3) for _, time, _ in video.sample(2)
            ] == [.4, .9, 1.4, 1.9, 2.4, 2.9, 3.4, 3.9, 4.4, 4.9]


def test_sound_lies_where_its_timestamps_say(tmp_path):
    path = make(tmp_path / 'a.mp4', np.arange(50) / 10, tone(5, begin=2))
    sound = Sound(path, 16000, VideoFile(path).origin)
    loud = [np.abs(sound.window(i, .975)).mean() for i in range(6)]
    np.testing.assert_allclose(loud, [0, 0, .19, .19, .19, 0], atol=.01)


@pytest.mark.parametrize('rate', [16000, 44100])
def test_a_wav_gives_what_the_data_sets_read(tmp_path, rate):
    path = str(tmp_path / 'a.wav')
    soundfile.write(path, np.stack([tone(3), tone(3, 1)], 1), 44100)
    sound = Sound(path, rate)
    found = np.concatenate([sound.window(i, 1.) for i in range(3)])
    np.testing.assert_array_equal(found, read_waveform(path, rate))


def test_windows_at_the_ends_are_moved():
    ramp = np.linspace(-1, 1, 25000, dtype=np.float32)
    sound = Sound((ramp, 10000), 10000)
    np.testing.assert_array_equal(sound.window(-.5, 1.), ramp[:10000])
    np.testing.assert_array_equal(sound.window(2., 1.), ramp[15000:])
    assert not sound.window(3., 1.).any()


def test_reading_on_is_silent_after_the_end():
    ramp = np.linspace(-1, 1, 2500, dtype=np.float32)
    sound = Sound((ramp, 1000), 1000)
    np.testing.assert_array_equal(sound.read(0., 1.), ramp[:1000])
    np.testing.assert_array_equal(sound.read(1.2, None), ramp[1200:])
    late = sound.read(2., 1.)
    np.testing.assert_array_equal(late[:500], ramp[2000:])
    assert len(late) == 1000 and not late[500:].any()


def test_a_written_video_plays_in_a_browser(tmp_path):
    path = make(tmp_path / 'a.mp4', np.arange(20) / 10, tone(2))
    with av.open(path) as container:
        codecs = [s.codec_context.name for s in container.streams]
        video = container.streams.video[0]
        assert codecs == ['h264', 'aac'] and video.pix_fmt == 'yuv420p'


def test_pixels_that_are_not_square(tmp_path):
    path = str(tmp_path / 'wide.mp4')
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=10)
        stream.height, stream.width, stream.pix_fmt = 96, 128, 'yuv420p'
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        frame = av.VideoFrame.from_ndarray(picture(0), format='rgb24')
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (_, _, image), = VideoFile(path).sample(1)
    assert image.shape == (96, 192, 3)


def test_a_file_that_does_not_begin_at_0(tmp_path):
    source = make(tmp_path / 'a.mp4', np.arange(30) / 10, tone(3, begin=1))
    path = str(tmp_path / 'a.ts')  # MPEG-TS begins later
    with av.open(source) as old, av.open(path, 'w') as new:
        streams = {stream.index: new.add_stream_from_template(stream)
                   for stream in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    video = VideoFile(path)
    assert video.origin > .1
    assert [round(time, 2) for _, time, _ in video.sample(1)] == [.9, 1.9, 2.9]
    sound = Sound(path, 16000, video.origin)
    loud = [np.abs(sound.window(i, .975)).mean() for i in range(3)]
    np.testing.assert_allclose(loud, [0, .19, .19], atol=.01)


def test_a_broken_frame_is_named_and_passed_over(tmp_path):
    path = tmp_path / 'a.mkv'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mjpeg', rate=10)
        stream.height, stream.width, stream.pix_fmt = 96, 128, 'yuvj420p'
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture(number), format='rgb24')
            for packet in stream.encode(frame):
                if number == 12:  # no picture
                    packet = replace(packet, b'nothing')
                container.mux(packet)
    video = VideoFile(str(path))
    assert [step for step, _, _ in video.sample(1)] == [0, 1, 2]
    (time, _), = video.problems
    assert time == pytest.approx(1.2, abs=.01)


def replace(packet, content):
    other = av.Packet(content)
    other.stream, other.time_base = packet.stream, packet.time_base
    other.pts, other.dts = packet.pts, packet.dts
    other.is_keyframe = True
    return other
