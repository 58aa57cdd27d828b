# Copyright (c) mmteso contributors. All rights reserved.
"""Which cues a CLAP hears: random ones against transformers, and one whose
answers are known."""
import pytest
import torch

transformers = pytest.importorskip('transformers')
from tiny_zero_shot import (RATE, audio_values, teach_clap,  # noqa: E402
                            wave, write_clap)

from mmteso.models import CLAPCueScorer  # noqa: E402

BACKGROUND = ('silence', 'white noise')
LOUD = torch.tensor(-20.)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_clap(tmp_path_factory.mktemp('clap'))


@pytest.fixture(scope='module')
def taught(folder):
    """Hears the dog and the flute."""
    scorer = CLAPCueScorer(folder, background=BACKGROUND)
    template = scorer.template.format
    sounds = {template(cue='dog'): audio_values(folder, 'dog'),
              template(cue='flute'): audio_values(folder, 'flute'),
              'white noise': audio_values(folder, 'noise')}
    teach_clap(scorer, sounds,
               [*sounds, 'silence', template(cue='car'), template(cue='cat')])
    return scorer


def score(scorer, sound, cues, level=LOUD):
    with torch.no_grad():
        audio, = scorer.embed_audio(audio_values(scorer.pretrained, sound))
        return scorer.score(audio, level, cues)


def test_logits_are_those_of_transformers(folder):
    """As ClapModel with its processor gives them."""
    scorer = CLAPCueScorer(folder, background=BACKGROUND)
    cues = ['dog', 'acoustic guitar']
    sentences = [*(f'the sound of a {cue}' for cue in cues), *BACKGROUND]
    processor = transformers.ClapProcessor.from_pretrained(folder)
    model = transformers.ClapModel.from_pretrained(folder)
    with torch.no_grad():
        expected = model(**processor(text=sentences, audio=wave('dog'),
                                     sampling_rate=RATE, padding=True,
                                     return_tensors='pt')).logits_per_audio[0]
        audio, = scorer.embed_audio(audio_values(folder, 'dog'))
        found = scorer.logits(audio, sentences)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    # each cue stands alone against the background
    for place, value in enumerate(score(scorer, 'dog', cues)):
        alone = expected[[place, 2, 3]].softmax(0)[0]
        torch.testing.assert_close(value, alone, rtol=1e-3, atol=1e-4)


def test_hears_what_sounds(taught):
    cues = ['car', 'dog', 'flute', 'cat']
    for sound in ('dog', 'flute', 'noise'):
        scores = score(taught, sound, cues)
        assert ((scores > taught.threshold).tolist() ==
                [cue == sound for cue in cues])
        assert 0 <= scores.min() and scores.max() <= 1


def test_silence_keeps_nothing(taught):
    """Whatever CLAP would hear."""
    assert score(taught, 'dog', ['dog'], torch.tensor(-60.)) == 0
    assert score(taught, 'dog', ['dog'], torch.tensor(-59.)) > 0.5


def test_wrong_options(folder):
    for options in (dict(template='a dog'), dict(background=()),
                    dict(background='silence')):
        with pytest.raises(ValueError, match='template must hold'):
            CLAPCueScorer(folder, **options)
