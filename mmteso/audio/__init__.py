# Copyright (c) mmteso contributors. All rights reserved.
"""Sound: reading, one-second clips, front ends of VGGish and BEATs, noise.

Pure functions, used by transforms, tools and apis alike.
"""
from .kaldi_fbank import (FBANK_BANDS, FBANK_SAMPLE_RATE, FBANK_WINDOW,
                          kaldi_fbank)
from .log_mel import log_mel_examples, mel_matrix
from .noise import NOISE_REFERENCES, white_noise
from .vggish_params import (EXAMPLE_HOP_SECONDS, EXAMPLE_SAMPLES,
                            EXAMPLE_SECONDS, LOG_OFFSET, NUM_FRAMES,
                            NUM_MEL_BINS, SAMPLE_RATE)
from .waveform import (AudioFileError, check_rate, cut_clip, last_clip_rule,
                       load_waveform, read_waveform)

__all__ = [
    'AudioFileError', 'EXAMPLE_HOP_SECONDS', 'EXAMPLE_SAMPLES',
    'EXAMPLE_SECONDS', 'FBANK_BANDS', 'FBANK_SAMPLE_RATE', 'FBANK_WINDOW',
    'LOG_OFFSET', 'NOISE_REFERENCES', 'NUM_FRAMES', 'NUM_MEL_BINS',
    'SAMPLE_RATE', 'check_rate', 'cut_clip', 'kaldi_fbank', 'last_clip_rule',
    'load_waveform', 'log_mel_examples', 'mel_matrix', 'read_waveform',
    'white_noise'
]
