# Copyright (c) mmteso contributors. All rights reserved.
"""Registries of what generates text cues.

They are registries of our own because mmengine has no such kind; their scope
is mmseg's, so that building from a config needs no switch of scope.
"""
from mmengine.registry import Registry

#: Models that describe a frame.
CAPTIONERS = Registry(
    'captioner', scope='mmseg', locations=['mmteso.text_cues.captioners'])
#: Models, or rules, that name the objects of a description that could sound.
REASONERS = Registry(
    'reasoner', scope='mmseg', locations=['mmteso.text_cues.reasoners'])
#: Where the frames come from.
FRAME_SOURCES = Registry(
    'frame source', scope='mmseg', locations=['mmteso.text_cues.frames'])
