# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.transforms import CuesToClasses


def named(cues, classes=AVSBENCH_CLASSES, **kwargs):
    """Names of the classes but background that the cues give."""
    transform = TRANSFORMS.build(dict(type='CuesToClasses', **kwargs))
    found = transform(dict(uid='u', frame=0, text_cues=cues,
                           class_names=classes))['cue_classes']
    assert found.dtype == torch.bool and found.shape == (len(classes), )
    assert found[0]
    return [classes[i] for i in found.nonzero()[1:, 0].tolist()]


def test_cues_that_are_names():
    cues = ['dog', 'Emergency Car', 'dogs', 'barking dog']
    assert named(cues, synonyms=None) == ['dog', 'emergency-car']
    # AVSBench's words; a word of several classes keeps all of them
    for how in (dict(), dict(synonyms='avsbench')):
        assert named(['dogs', 'person', 'thunder'], **how) == [
            'baby', 'boy', 'dog', 'girl', 'man', 'woman']
    # those that name no class say nothing, background too
    assert named(['wind', 'background']) == []
    assert named([]) == []


def test_what_is_missing_is_said():
    transform = CuesToClasses()
    with pytest.raises(ValueError, match='u, frame 3 has None'):
        transform(dict(uid='u', frame=3, text_cues=[], class_names=None))
    with pytest.raises(ValueError, match='u, frame 3.*zero_label=True'):
        transform(
            dict(
                uid='u',
                frame=3,
                text_cues=[],
                class_names=AVSBENCH_CLASSES,
                reduce_zero_label=True))
    with pytest.raises(FileNotFoundError, match='none.yaml'):
        CuesToClasses(synonyms='none.yaml')
