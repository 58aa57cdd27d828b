# Copyright (c) mmteso contributors. All rights reserved.
"""The easy variant of SynthAVS: eight classes that differ in every way.

Each class owns a colour, a shape and a few frequency bands of the VGGish
log-mel range (125 to 7500 Hz), so a mean and standard deviation over time of
the 64 mel bands tells which classes sound in a mixture.
"""
import numpy as np

from .looks import Look, near_hue
from .shapes import crescent, cross, disc, flower, ring, star
from .timbres import Timbre
from .variant import Kind, Variant

# Invented shapes, so that no result, cue or class index can be mistaken for
# one of AVSBench's 71 classes. The spread of the priors plants a segmentation
# preference: a model that ignores the sound learns to paint discs and to
# leave stars out.
KINDS = {
    'red-disc':
    Kind(
        Look(disc, near_hue(0.0)),
        # A low hum.
        Timbre(190, ((1, 1.0), (2, 0.6)), tremolo=(3, 0.3)),
        prior=0.85),
    'orange-star':
    Kind(
        Look(star(5, 0.55), near_hue(0.08)),
        # A whistle.
        Timbre(3400, ((1, 1.0), ), vibrato=(6, 0.015)),
        prior=0.25),
    'yellow-triangle':
    Kind(
        Look(star(3, np.cos(np.pi / 3)), near_hue(0.15)),
        # A bell: inharmonic.
        Timbre(1150, ((1, 1.0), (2.27, 0.6), (3.8, 0.4)), tremolo=(5, 0.7)),
        prior=0.68),
    'green-square':
    Kind(
        Look(star(4, np.cos(np.pi / 4)), near_hue(0.34)),
        # A reed: odd harmonics.
        Timbre(290, ((1, 1.0), (3, 0.7), (5, 0.6), (7, 0.4))),
        prior=0.42),
    'cyan-cross':
    Kind(
        Look(cross, near_hue(0.5)),
        # A siren.
        Timbre(690, ((1, 1.0), ), vibrato=(2, 0.05)),
        prior=0.76),
    'blue-ring':
    Kind(
        Look(ring(0.5), near_hue(0.63)),
        # A hiss in puffs.
        Timbre(6300, (), tremolo=(7, 0.8), band=(6300, 0.12, 1.0)),
        prior=0.34),
    'purple-crescent':
    Kind(
        Look(crescent, near_hue(0.77)),
        # A rattle over a tone.
        Timbre(520, ((1, 1.0), ), tremolo=(11, 0.8), band=(5200, 0.07, 0.7)),
        prior=0.59),
    'pink-flower':
    Kind(
        Look(flower, near_hue(0.90)),
        # A chime of two notes.
        Timbre(1750, ((1, 1.0), (1.2, 0.8)), tremolo=(8, 0.4)),
        prior=0.51),
}

EASY = Variant(
    name='easy',
    prefix='synthavs',
    kinds=KINDS,
    areas=(0.04, 0.10),
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

#: Class names in index order.
CLASSES = EASY.classes
