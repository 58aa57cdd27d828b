# Copyright (c) mmteso contributors. All rights reserved.
"""The easy variant of SynthAVS: eight classes that differ in every way.

Each class owns a colour, a shape and a few frequency bands of the VGGish
log-mel range (125 to 7500 Hz), so a mean and standard deviation over time of
the 64 mel bands tells which classes sound in a mixture.
"""
import numpy as np

from ..quotas import BACKGROUND
from .looks import Look, near_hue
from .shapes import crescent, cross, disc, flower, ring, star
from .timbres import Timbre
from .variant import Variant

#: Class names in index order: invented shapes, so that no result, cue or
#: class index can be mistaken for one of AVSBench's 71 classes.
CLASSES = (BACKGROUND, 'red-disc', 'orange-star', 'yellow-triangle',
           'green-square', 'cyan-cross', 'blue-ring', 'purple-crescent',
           'pink-flower')

LOOKS = {
    'red-disc': Look(disc, near_hue(0.0)),
    'orange-star': Look(star(5, 0.55), near_hue(0.08)),
    'yellow-triangle': Look(star(3, np.cos(np.pi / 3)), near_hue(0.15)),
    'green-square': Look(star(4, np.cos(np.pi / 4)), near_hue(0.34)),
    'cyan-cross': Look(cross, near_hue(0.5)),
    'blue-ring': Look(ring(0.5), near_hue(0.63)),
    'purple-crescent': Look(crescent, near_hue(0.77)),
    'pink-flower': Look(flower, near_hue(0.90)),
}

TIMBRES = {
    # A low hum.
    'red-disc': Timbre(190, ((1, 1.0), (2, 0.6)), tremolo=(3, 0.3)),
    # A whistle.
    'orange-star': Timbre(3400, ((1, 1.0), ), vibrato=(6, 0.015)),
    # A bell: inharmonic.
    'yellow-triangle':
    Timbre(1150, ((1, 1.0), (2.27, 0.6), (3.8, 0.4)), tremolo=(5, 0.7)),
    # A reed: odd harmonics.
    'green-square': Timbre(290, ((1, 1.0), (3, 0.7), (5, 0.6), (7, 0.4))),
    # A siren.
    'cyan-cross': Timbre(690, ((1, 1.0), ), vibrato=(2, 0.05)),
    # A hiss in puffs.
    'blue-ring': Timbre(6300, (), tremolo=(7, 0.8), band=(6300, 0.12, 1.0)),
    # A rattle over a tone.
    'purple-crescent':
    Timbre(520, ((1, 1.0), ), tremolo=(11, 0.8), band=(5200, 0.07, 0.7)),
    # A chime of two notes.
    'pink-flower': Timbre(1750, ((1, 1.0), (1.2, 0.8)), tremolo=(8, 0.4)),
}

EASY = Variant(
    name='easy',
    prefix='synthavs',
    classes=CLASSES,
    looks=LOOKS,
    areas=(0.04, 0.10),
    timbres=TIMBRES,
    # The spread plants a segmentation preference: a model that ignores the
    # sound learns to paint discs and to leave stars out.
    train_priors={
        'red-disc': 0.85,
        'orange-star': 0.25,
        'yellow-triangle': 0.68,
        'green-square': 0.42,
        'cyan-cross': 0.76,
        'blue-ring': 0.34,
        'purple-crescent': 0.59,
        'pink-flower': 0.51,
    },
    split_parts=dict(train=10, val=1, test=2),
    visible_percent=(15, 45, 40),
    object_rms=0.05,
    # From what 16-bit sound can just hold to as loud as an object.
    ambient_db=(-60.0, 0.0),
    ambient_everywhere=False,
    floor_chance=0.5,
    readme="""\
In train some classes sound far more often than others; in val and test they
don't. Half of the silent seconds carry noise, half are digital silence.
""")
