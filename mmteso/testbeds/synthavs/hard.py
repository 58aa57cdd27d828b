# Copyright (c) mmteso contributors. All rights reserved.
"""The hard variant of SynthAVS: classes composed of a shape and a texture.

A class ``{texture}-{shape}`` looks like its shape filled with its texture and
sounds at its shape's pitch with its texture's timbre. What makes it hard:

* Colours are random, so that an object has to be told by shape and texture,
  each of which several classes share.
* Two pairs of shapes have pitches that differ by 1.5 %, half of the 3 % that
  the pitch of one class varies and less than one of VGGish's 64 mel bands;
  three of the timbres share their harmonics; and every sounding second lies
  in noise from 20 dB below an object's power to as much power as it has. The
  sound alone is often ambiguous.
* Four of the 16 classes, each shape and each texture once, appear in
  ``test_unseen`` only. Their shape and their texture are known from other
  classes, so what they look and sound like can be inferred; a text encoder
  that composes a cue of its words says which they are.
* In train a class sounds with a probability of 0.25, 0.55 or 0.85, arranged
  so that every shape and every texture has each of them once: the preference
  belongs to combinations, not to one factor.
"""
from .looks import Look, any_hue, two_tones
from .shapes import checks, cross, disc, dots, ring, star, stripes
from .timbres import Timbre
from .variant import UNSEEN_SPLIT, Kind, Variant

#: Shape -> (outline, pitch in Hz). Disc and ring, star and cross sound
#: almost alike.
SHAPES = {
    'disc': (disc, 400.0),
    'star': (star(5, 0.55), 1000.0),
    'cross': (cross, 1015.0),
    'ring': (ring(0.4), 406.0),
}

#: Texture -> (pattern, its least and greatest period, sound but for the
#: pitch).
TEXTURES = {
    # A plain tone with its harmonics.
    'solid': (None, None, dict(partials=((1, 1.0), (2, 0.6), (3, 0.35)))),
    # A reed: odd harmonics.
    'striped': (stripes, (0.075, 0.09),
                dict(partials=((1, 1.0), (3, 0.5), (5, 0.5)))),
    # A plain tone that trembles.
    'dotted': (dots, (0.08, 0.095),
               dict(
                   partials=((1, 1.0), (2, 0.6), (3, 0.35)),
                   tremolo=(6.0, 0.6))),
    # A plain tone with a hiss.
    'checkered': (checks, (0.11, 0.13),
                  dict(
                      partials=((1, 1.0), (2, 0.6), (3, 0.35)),
                      band=(2500.0, 0.4, 0.5))),
}

_PRIORS = (None, 0.85, 0.55, 0.25)

KINDS = {
    f'{texture}-{shape}': Kind(
        Look(outline, two_tones if pattern else any_hue, pattern, periods),
        Timbre(pitch, detune=0.015, **sound),
        # A cyclic Latin square: on its diagonal the unseen classes.
        _PRIORS[(column - row) % len(TEXTURES)])
    for row, (shape, (outline, pitch)) in enumerate(SHAPES.items())
    for column, (texture, (pattern, periods,
                           sound)) in enumerate(TEXTURES.items())
}
UNSEEN = [name for name, kind in KINDS.items() if kind.prior is None]

HARD = Variant(
    name='hard',
    prefix='synthavs-hard',
    kinds=KINDS,
    areas=(0.06, 0.12),
    split_parts={
        'train': 10,
        'val': 1,
        'test': 1,
        UNSEEN_SPLIT: 1
    },
    visible_percent=(10, 45, 45),
    object_rms=0.03,
    ambient_db=(-20.0, 0.0),
    ambient_everywhere=True,
    floor_chance=0.0,
    composed_cues=True,
    readme=f"""\
This is the hard variant. A class is a texture on a shape; the colour says
nothing. The classes {', '.join(UNSEEN[:2])},
{', '.join(UNSEEN[2:])} are in no split but {UNSEEN_SPLIT}, where each
video shows at least one of them.

In train some classes sound far more often than others; in the other splits
they don't. Sounding seconds and half of the silent ones carry noise, the other
silent ones are digital silence.
""")
