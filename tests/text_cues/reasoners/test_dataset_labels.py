# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.text_cues import FRAME_SOURCES, REASONERS, Frame
from mmteso.text_cues.reasoners import DatasetLabels, dataset_labels

METADATA = '''vid,uid,s_min,s_sec,a_obj,split,label
a,a_0_5000,0,0,h orse_emergency-car,train,v1m
b,b_0_5000,0,0,background,train,v1m
c,c_0_10000,0,0,off-the-screen,train,v2
d,d_0_10000,0,0,man_guitar_dog_car_train,train,v2
e,e_0_10000,0,0,off-the-screen_dog_dog,train,v2
'''


def frame(*labels, uid='a'):
    return Frame(uid, 0, 'x.jpg', labels=labels)


def cues(reasoner, *frames):
    found = reasoner.reason(frames, [''] * len(frames))
    assert not any(reasoning.failed for reasoning in found)
    return [reasoning.cues for reasoning in found]


def test_avsbench(tmp_path, monkeypatch):
    """The metadata with its dirt, through the data set that reads it."""
    (tmp_path / 'metadata.csv').write_text(METADATA)
    source = FRAME_SOURCES.build(
        dict(
            type='DatasetFrames',
            dataset=dict(
                type='AVSBenchDataset',
                data_root=str(tmp_path),
                subsets=('v1m', 'v2'),
                check_files=False)))
    frames = source.list_frames()
    reasoner = REASONERS.build(dict(type='DatasetLabels'))
    assert not reasoner.needs_caption and reasoner.name == 'dataset_labels'
    logged = []
    monkeypatch.setattr(dataset_labels, 'print_log',
                        lambda text, **kwargs: logged.append(text))
    reasoner.prepare(frames)
    # 5 frames of b, 10 of c
    assert len(logged) == 1
    assert logged[0].startswith('15 of the 40 frames have no label')
    found = reasoner.reason(frames, [''] * len(frames))
    by_uid = {}
    for one, reasoning in zip(frames, found):
        by_uid.setdefault(one.uid, set()).add(reasoning)
    # each frame of a clip gets the same
    assert {uid: [r.cues for r in some] for uid, some in by_uid.items()} == {
        'a_0_5000': [('horse', 'emergency car')],
        'b_0_5000': [()],
        'c_0_10000': [()],
        'd_0_10000': [('man', 'guitar', 'dog', 'car')],
        'e_0_10000': [('dog', )]
    }
    texts, = by_uid['d_0_10000']
    # also what is beyond N_T stays to be read
    assert texts.text == 'man, guitar, dog, car, train'


def test_labels_of_other_sources():
    """No cleaning is taken for granted."""
    assert cues(DatasetLabels(), frame('Off-the-Screen', 'Dog', 'dog'),
                frame(), frame('background', '-')) == [('dog', ), (), ()]
    assert cues(DatasetLabels(no_object=['dog']),
                frame('dog', 'background')) == [('background', )]


def test_number_of_cues():
    labels = frame('a', 'b', 'c', 'd', 'e')
    assert cues(DatasetLabels(), labels) == [('a', 'b', 'c', 'd')]
    assert cues(DatasetLabels(num_cues=1), labels) == [('a', )]
    assert cues(DatasetLabels(num_cues=None), labels) == [tuple('abcde')]


def test_source_without_labels():
    reasoner = DatasetLabels()
    reasoner.prepare([frame('dog'), frame()])
    unknown = Frame('b', 3, 'x.jpg')
    with pytest.raises(
            ValueError, match='1 of the 2 frames .*first: frame 3 of "b"'):
        reasoner.prepare([frame('dog'), unknown])
    with pytest.raises(ValueError, match='gives no labels'):
        reasoner.reason([frame('dog'), unknown], ['', ''])


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(num_cues=0), ValueError, 'at least 1, or None for all'),
    (dict(no_object='background'), TypeError, 'sequence of labels'),
])
def test_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        DatasetLabels(**kwargs)
