"""SynthAVS's class list: the one source of names, palette and priors.

SynthAVS is a synthetic test bed and not AVSBench. Its names are invented
shapes so that no result, cue or class index can be mistaken for one of
AVSBench's 71 classes. No name contains ``_``, because ``a_obj`` in
``metadata.csv`` joins names with it.
"""

BACKGROUND = 'background'

#: Class names in index order, background first.
CLASSES = (BACKGROUND, 'red-disc', 'orange-star', 'yellow-triangle',
           'green-square', 'cyan-cross', 'blue-ring', 'purple-crescent',
           'pink-flower')

#: Probability that a visible object of a class sounds in a second of the
#: *training* split (before conditioning on "something sounds"). The spread
#: plants a segmentation preference: a model that ignores the sound learns to
#: paint discs and to leave flowers out. See :data:`TEST_PRIOR`.
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


def voc_palette(num_classes):
    """Colours of the PASCAL VOC palette, which AVSBench's masks use.

    Args:
        num_classes (int): Number of colours, background included.

    Returns:
        list[list[int]]: ``num_classes`` RGB triples in [0, 255]; index 1 is
        (128, 0, 0), 2 is (0, 128, 0), 4 is (0, 0, 128).
    """
    palette = []
    for index in range(num_classes):
        # Bits 0, 1, 2 of the index go to R, G, B, the most significant bit
        # of the channel first; then bits 3, 4, 5 to the next bit, and so on.
        colour = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                bit = index >> (3 * place + channel) & 1
                colour[channel] |= bit << (7 - place)
        palette.append(colour)
    return palette


#: RGB colour of each class in ``labels_rgb``, in index order.
PALETTE = voc_palette(len(CLASSES))

#: Index of each class, as written to ``label2idx.json`` (0-based).
LABEL2IDX = {name: index for index, name in enumerate(CLASSES)}
