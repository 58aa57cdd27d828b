# Copyright (c) mmteso contributors. All rights reserved.
"""Which cues a CLAP hears: random ones against transformers, and one whose
answers are known."""
import numpy as np
import pytest
import torch

transformers = pytest.importorskip('transformers')
import tiny_zero_shot  # noqa: E402

from mmteso.datasets.transforms import AudioToModelInput  # noqa: E402
from mmteso.models import CLAPCueScorer  # noqa: E402

RATE = 48000
BACKGROUND = ('silence', 'white noise')
LOUD = torch.tensor(-20.)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tiny_zero_shot.write_clap(tmp_path_factory.mktemp('clap'))


def wave(kind):
    time = np.arange(RATE) / RATE
    if kind == 'noise':
        return np.random.default_rng(0).normal(0, .1, RATE).astype('float32')
    return (.3 * np.sin(2 * np.pi * kind * time)).astype('float32')


def values_of(folder, sound):
    return AudioToModelInput(folder)(
        dict(waveform=sound, sample_rate=RATE))['audio_values'][None]


@pytest.fixture(scope='module')
def taught(folder):
    """Hears a dog in 300 Hz, a flute in 3 kHz, both in their mixture."""
    scorer = CLAPCueScorer(folder, background=BACKGROUND)
    template = scorer.template.format
    sounds = {
        template(cue='dog'): values_of(folder, wave(300)),
        template(cue='flute'): values_of(folder, wave(3000)),
        'white noise': values_of(folder, wave('noise'))
    }
    tiny_zero_shot.teach_clap(
        scorer, sounds,
        [*sounds, 'silence',
         template(cue='car'),
         template(cue='cat')])
    return scorer


def score(scorer, sound, cues, level=LOUD):
    with torch.no_grad():
        audio, = scorer.embed_audio(values_of(scorer.pretrained, sound))
        return scorer.score(audio, level, cues)


def test_logits_are_those_of_transformers(folder):
    """As ClapModel with its processor gives them."""
    scorer = CLAPCueScorer(folder, background=BACKGROUND)
    cues = ['dog', 'acoustic guitar']
    sentences = [*(f'the sound of a {cue}' for cue in cues), *BACKGROUND]
    processor = transformers.ClapProcessor.from_pretrained(folder)
    model = transformers.ClapModel.from_pretrained(folder)
    with torch.no_grad():
        expected = model(**processor(
            text=sentences,
            audio=wave(300),
            sampling_rate=RATE,
            padding=True,
            return_tensors='pt')).logits_per_audio[0]
        audio, = scorer.embed_audio(values_of(folder, wave(300)))
        found = scorer.logits(audio, sentences)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    # each cue stands alone against the background
    for place, value in enumerate(score(scorer, wave(300), cues)):
        alone = expected[[place, 2, 3]].softmax(0)[0]
        torch.testing.assert_close(value, alone, rtol=1e-3, atol=1e-4)


def test_hears_what_sounds(taught):
    cues = ['car', 'dog', 'flute', 'cat']
    for sound, expected in ((300, 'dog'), (3000, 'flute'), ('noise', None)):
        scores = score(taught, wave(sound), cues)
        assert ((scores > taught.threshold).tolist() ==
                [cue == expected for cue in cues])
        assert 0 <= scores.min() and scores.max() <= 1


def test_order_and_company_do_not_matter(taught):
    cues = ['car', 'dog', 'flute', 'cat']
    scores = dict(zip(cues, score(taught, wave(300), cues).tolist()))
    for other in (cues[::-1], ['dog'], ['cat', 'dog', 'dog']):
        assert score(taught, wave(300),
                     other).tolist() == [scores[cue] for cue in other]
    assert score(taught, wave(300), []).tolist() == []


def test_silence_keeps_nothing(taught):
    """Whatever CLAP would hear."""
    assert score(taught, wave(300), ['dog'], torch.tensor(-60.)) == 0
    assert score(taught, wave(300), ['dog'], torch.tensor(-59.)) > 0.5


def test_wrong_options(folder):
    for options in (dict(template='a dog'), dict(background=()),
                    dict(background='silence')):
        with pytest.raises(ValueError, match='template must hold'):
            CLAPCueScorer(folder, **options)
