# Copyright (c) mmteso contributors. All rights reserved.
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.testbeds.synthavs.classes import (CLASSES, LABEL2IDX, PALETTE,
                                              TRAIN_PRIORS)
from mmteso.testbeds.synthavs.easy import LOOKS, TIMBRES


def test_classes_and_their_indices():
    assert len(CLASSES) == len(set(CLASSES)) == 9
    assert CLASSES[0] == 'background'
    assert [LABEL2IDX[name] for name in CLASSES] == list(range(9))


def test_names_cannot_be_taken_for_avsbench_or_split_by_a_obj():
    assert set(CLASSES[1:]).isdisjoint(AVSBENCH_CLASSES)
    assert not any('_' in name or ' ' in name for name in CLASSES)


def test_palette_is_voc():
    assert PALETTE[:5] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0],
                           [0, 0, 128]]
    assert len(PALETTE) == len(CLASSES)


def test_every_class_has_a_prior_a_look_and_a_timbre():
    for table in (TRAIN_PRIORS, LOOKS, TIMBRES):
        assert tuple(table) == CLASSES[1:]


def test_training_priors_are_skewed():
    assert max(TRAIN_PRIORS.values()) == 0.85
    assert min(TRAIN_PRIORS.values()) == 0.25
