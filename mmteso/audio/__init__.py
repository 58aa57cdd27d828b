# Copyright (c) mmteso contributors. All rights reserved.
"""Sound: reading, one-second clips, VGGish's log-mel front end, noise.

Pure functions, used by transforms, tools and apis alike.
"""
from .log_mel import log_mel_examples, log_mel_spectrogram, mel_matrix
from .noise import NOISE_REFERENCES, noise_std, white_noise
from .vggish_params import (EXAMPLE_SAMPLES, EXAMPLE_SECONDS, LOG_OFFSET,
                            NUM_FRAMES, NUM_MEL_BINS, SAMPLE_RATE)
from .waveform import (AudioFileError, count_clips, cut_clip, load_waveform,
                       read_waveform)

__all__ = [
    'AudioFileError', 'EXAMPLE_SAMPLES', 'EXAMPLE_SECONDS', 'LOG_OFFSET',
    'NOISE_REFERENCES', 'NUM_FRAMES', 'NUM_MEL_BINS', 'SAMPLE_RATE',
    'count_clips', 'cut_clip', 'load_waveform', 'log_mel_examples',
    'log_mel_spectrogram', 'mel_matrix', 'noise_std', 'read_waveform',
    'white_noise'
]
