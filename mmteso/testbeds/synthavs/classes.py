# Copyright (c) mmteso contributors. All rights reserved.
"""SynthAVS's class list: the one source of names, palette and priors.

SynthAVS is a synthetic test bed and not AVSBench. Its names are invented
shapes so that no result, cue or class index can be mistaken for one of
AVSBench's 71 classes. No name contains ``_``, because ``a_obj`` in
``metadata.csv`` joins names with it.
"""
from mmteso.datasets.avsbench_meta import voc_palette

BACKGROUND = 'background'

#: Class names in index order, background first.
CLASSES = (BACKGROUND, 'red-disc', 'orange-star', 'yellow-triangle',
           'green-square', 'cyan-cross', 'blue-ring', 'purple-crescent',
           'pink-flower')

#: Probability that a visible object of a class sounds in a second of the
#: *training* split (before conditioning on "something sounds"). The spread
#: plants a segmentation preference: a model that ignores the sound learns to
#: paint discs and to leave stars out. See :data:`TEST_PRIOR`.
TRAIN_PRIORS = {
    'red-disc': 0.85,
    'orange-star': 0.25,
    'yellow-triangle': 0.68,
    'green-square': 0.42,
    'cyan-cross': 0.76,
    'blue-ring': 0.34,
    'purple-crescent': 0.59,
    'pink-flower': 0.51,
}

#: The same probability for every class of the val and test splits.
TEST_PRIOR = 0.5

#: RGB colour of each class in ``labels_rgb``, in index order.
PALETTE = voc_palette(len(CLASSES))

#: Index of each class, as written to ``label2idx.json`` (0-based).
LABEL2IDX = {name: index for index, name in enumerate(CLASSES)}
