# Copyright (c) mmteso contributors. All rights reserved.
"""VGGish's constants, all of them, in one place.

The values are those of the released network (tensorflow/models,
``research/audioset/vggish/vggish_params.py``): the weights only fit input
that was made with them, so they are no config fields.
"""

SAMPLE_RATE = 16000  # samples per second
WINDOW_SAMPLES = 400  # of an analysis window: 25 ms
HOP_SAMPLES = 160  # between the starts of two analysis windows: 10 ms
FFT_SAMPLES = 512  # the window, zero-padded to the next power of two
NUM_MEL_BINS = 64
MEL_MIN_HZ = 125.0  # lower edge of the lowest mel band
MEL_MAX_HZ = 7500.0  # upper edge of the highest mel band
# HTK's mel scale: mel = MEL_Q * log(1 + hertz / MEL_BREAK_HZ)
MEL_BREAK_HZ = 700.0
MEL_Q = 1127.0
LOG_OFFSET = 0.01  # added before the logarithm; silence is log(0.01)
NUM_FRAMES = 96  # spectrogram rows of one example
# Of one example: 15,600, which are 96 hops of 10 ms and what the last window
# reaches beyond its hop.
EXAMPLE_SAMPLES = (NUM_FRAMES - 1) * HOP_SAMPLES + WINDOW_SAMPLES
# 0.96 s between the starts of two examples of one sound
EXAMPLE_HOP_SECONDS = NUM_FRAMES * HOP_SAMPLES / SAMPLE_RATE
# 0.975 s, although the example is called 0.96 s long
EXAMPLE_SECONDS = EXAMPLE_SAMPLES / SAMPLE_RATE
