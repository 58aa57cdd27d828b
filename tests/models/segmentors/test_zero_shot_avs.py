# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot segmentation: what CLAP hears is found and nothing else."""
import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

pytest.importorskip('transformers')
from tiny_zero_shot import (RATE, audio_values, teach_clap,  # noqa: E402
                            wave, write_clap)

from mmteso.datasets.transforms import (AudioToModelInput,  # noqa: E402
                                        MeasureSoundLevel)
from mmteso.models.zero_shot.text_segmenter import TextSegmenter  # noqa: E402

SIZE, ORIGINAL = (24, 32), (30, 40)
BACKGROUND = ('silence', 'white noise')
CLASSES = ('background', 'dog', 'flute', 'man', 'woman', 'car')


class Strips(TextSegmenter):
    """Finds phrases in strips of the picture; counts what it is asked."""
    strips = dict(dog=(0, 12), puppy=(6, 16), flute=(10, 20), person=(4, 8))

    def __init__(self):
        super().__init__()
        self.encoded = 0

    def encode_image(self, images):
        self.encoded += len(images)
        return list(images)

    def find(self, encoded, phrase):
        logits = torch.full((1, *encoded.shape[-2:]), -2.)
        logits[..., slice(*self.strips.get(phrase, (0, 0)))] = 3.
        # a flute is found with less certainty
        return logits / (2 if phrase == 'flute' else 1)


@pytest.fixture(scope='module')
def clap(tmp_path_factory):
    return write_clap(tmp_path_factory.mktemp('clap'))


@pytest.fixture(scope='module')
def make(clap):
    """Builds a model that hears dogs, flutes and women; 'both' as dog."""
    words = ('dog', 'puppy', 'flute', 'man', 'woman', 'car', 'person',
             'submarine')

    def build(**kwargs):
        init_default_scope('mmseg')
        model = MODELS.build(
            dict(type='ZeroShotAVS',
                 cue_scorer=dict(type='CLAPCueScorer', pretrained=clap,
                                 background=BACKGROUND),
                 segmenter=dict(type=Strips), **kwargs))
        said = model.cue_scorer.template.format
        teach_clap(
            model.cue_scorer, {
                said(cue='dog'): audio_values(clap, 'dog'),
                said(cue='flute'): audio_values(clap, 'flute'),
                'white noise': audio_values(clap, 'noise'),
                said(cue='woman'): audio_values(clap, 'both')
            }, [*(said(cue=word) for word in words), *BACKGROUND])
        return model.eval()

    return build


def batch_of(folder, frames, num_cues=4):
    """What a dataloader gives for (sound, cues) of each frame."""
    inputs, samples = dict(img=[], audio_values=[], sound_level=[],
                           text_valid=[]), []
    for seed, (sound, cues) in enumerate(frames):
        results = dict(waveform=wave(sound), sample_rate=RATE)
        results = MeasureSoundLevel()(AudioToModelInput(folder)(results))
        rng = torch.Generator().manual_seed(seed)
        inputs['img'].append(
            torch.randint(256, (3, *SIZE), generator=rng).byte())
        for key in ('audio_values', 'sound_level'):
            inputs[key].append(results[key])
        inputs['text_valid'].append(torch.arange(num_cues) < len(cues))
        samples.append(
            SegDataSample(metainfo=dict(text_cues=list(cues),
                                        ori_shape=ORIGINAL, img_shape=SIZE)))
    return dict(inputs=inputs, data_samples=samples)


@torch.no_grad()
def run(model, frames):
    return model.test_step(batch_of(model.cue_scorer.pretrained, frames))


def columns(sample):
    """The columns predicted as each class, at the size of the input."""
    labels = sample.pred_sem_seg.data[0]
    assert labels.shape == ORIGINAL and (labels == labels[0]).all()
    picked = labels[0, torch.arange(SIZE[1]) * 40 // 32]
    return {int(label): picked.eq(label).nonzero().flatten().tolist()
            for label in picked.unique() if label}


def check_consistent(sample):
    """Scores, logits and labels say the same."""
    score, labels = sample.sounding_score.data, sample.pred_sem_seg.data
    assert 0 <= score.min() and score.max() <= 1
    assert torch.equal(score > 0.5, labels > 0)
    assert torch.equal(labels, sample.seg_logits.data.argmax(0, True))


def test_only_what_sounds_is_found(make):
    model = make()
    dog, flute, noise = run(model, [('dog', ['flute', 'dog', 'car']),
                                    ('flute', ['flute', 'dog']),
                                    ('noise', ['flute', 'dog'])])
    assert dog.cue_kept.tolist() == [False, True, False, False]
    assert flute.cue_kept.tolist() == [True, False, False, False]
    assert not noise.cue_kept.any()
    assert dog.cue_scores.shape == (4, ) and dog.cue_scores[3] == 0
    assert min(columns(dog)[1]) == 0 and 10 <= max(columns(dog)[1]) <= 12
    assert 9 <= min(columns(flute)[1]) <= 10
    # the mask's own score, whatever the cue's
    assert dog.sounding_score.data.max() > 0.94
    assert 0.8 < flute.sounding_score.data.max() < 0.83
    assert columns(noise) == {} and noise.sounding_score.data.max() == 0
    for sample in (dog, flute, noise):
        check_consistent(sample)


def test_union(make):
    """Of all kept cues."""
    model = make()
    model.cue_scorer.threshold = 0.01
    sample, = run(model, [('dog', ['flute', 'dog'])])
    assert sample.cue_kept.tolist() == [True, True, False, False]
    assert 18 <= max(columns(sample)[1]) <= 20
    assert min(columns(sample)[1]) == 0
    check_consistent(sample)


def test_silence_and_no_cues(make):
    """Nothing is kept, nothing is predicted, whatever the threshold."""
    model = make()
    model.cue_scorer.threshold = 0.
    for sample in run(model, [('mute', ['dog', 'flute']), ('dog', [])]):
        assert not sample.cue_kept.any() and not sample.cue_scores.any()
        assert not sample.pred_sem_seg.data.any()
        assert not sample.sounding_score.data.any()


def test_semantic(make):
    """A cue's mask has its class; what names no class has none."""
    model = make(classes=CLASSES)
    model.cue_scorer.threshold = 0.01
    first, second = run(model, [('dog', ['old dog', 'flute', 'submarine']),
                                ('dog', ['dog', 'flute'])])
    assert first.seg_logits.data.shape == (6, *ORIGINAL)
    assert columns(first).keys() == {2}  # 'old dog' is not found as a phrase
    found = columns(second)
    assert found.keys() == {1, 2}
    # where both are, the surer one
    assert 10 <= max(found[1]) <= 12 and 18 <= max(found[2]) <= 20
    assert not set(found[1]) & set(found[2])
    check_consistent(first)
    check_consistent(second)


def test_a_word_for_several_classes(make, tmp_path):
    """'person' is who is heard: here a woman."""
    table = tmp_path / 'synonyms.yaml'
    table.write_text('words: {dog: [puppy]}\n'
                     'several: {person: [man, woman]}\n')
    model = make(classes=CLASSES, synonyms=str(table))
    model.cue_scorer.threshold = 0.
    sample, = run(model, [('both', ['person'])])
    assert columns(sample).keys() == {CLASSES.index('woman')}
    sample, = run(model, [('dog', ['puppy'])])
    assert columns(sample).keys() == {CLASSES.index('dog')}


def test_five_sounds_one_image(make, clap):
    """Encoded once; the results are those of five tests."""
    model = make()
    model.cue_scorer.threshold = 0.3
    sounds = ('dog', 'mute', 'noise', 'flute', 'both')
    batches = [batch_of(clap, [(sound, ['dog', 'flute'])]) for sound in sounds]
    with torch.no_grad():
        results = model.test_sounds_step(copy.deepcopy(batches))
        assert model.segmenter.encoded == 1
        for (found, ), batch in zip(results, batches):
            expected, = model.test_step(batch)
            for name in ('sounding_score', 'pred_sem_seg'):
                assert torch.equal(found.get(name).data,
                                   expected.get(name).data)
            assert torch.equal(found.cue_scores, expected.cue_scores)
    assert results[0][0].pred_sem_seg.data.any()
    assert not results[1][0].pred_sem_seg.data.any()


def test_pictures_come_as_rgb(make, clap):
    """OpenCV's BGR from the loader, as bytes."""
    model = make()
    batch = batch_of(clap, [('dog', ['dog'])])
    inputs = model.data_preprocessor(batch)['inputs']
    seen, = model.encode_image(inputs).encoded[0]
    assert torch.equal(seen, batch['inputs']['img'][0].flip(0).float())


def test_what_is_missing_is_named(make, clap):
    model = make()
    batch = batch_of(clap, [('dog', ['dog'])])
    del batch['inputs']['sound_level']
    with pytest.raises(KeyError, match='sound_level.*MeasureSoundLevel'):
        model.test_step(batch)
    batch = batch_of(clap, [('dog', ['dog'])])
    batch['data_samples'] = [SegDataSample()]
    with pytest.raises(KeyError, match='text_cues'):
        model.test_step(batch)
    batch = batch_of(clap, [('dog', ['dog'])])
    batch['data_samples'][0].set_metainfo(dict(reduce_zero_label=True))
    with pytest.raises(ValueError, match='reduce_zero_label'):
        model.test_step(batch)
    with pytest.raises(ValueError, match='normalise images themselves'):
        make(data_preprocessor=dict(type='AVTDataPreProcessor', mean=[0.] * 3,
                                    std=[1.] * 3, bgr_to_rgb=True))
    with pytest.raises(NotImplementedError, match='not trained'):
        model.loss({}, [])
