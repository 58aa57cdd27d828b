# Copyright (c) mmteso contributors. All rights reserved.
"""A random CLAP's scores against transformers'; what one hears whose answers
are known is in segmentors/test_zero_shot_avs.py."""
import pytest
import torch

transformers = pytest.importorskip('transformers')
from tiny_zero_shot import RATE, audio_values, wave, write_clap  # noqa: E402

from mmteso.models import CLAPCueScorer  # noqa: E402

BACKGROUND = ('silence', 'white noise')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_clap(tmp_path_factory.mktemp('clap'))


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
        scores = scorer.score(audio, torch.tensor(-59.), cues)
        silent = scorer.score(audio, torch.tensor(-60.), cues)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    # each cue stands alone against the background
    for place, value in enumerate(scores):
        alone = expected[[place, 2, 3]].softmax(0)[0]
        torch.testing.assert_close(value, alone, rtol=1e-3, atol=1e-4)
    assert silent.tolist() == [0, 0]


def test_wrong_options(folder):
    for options in (dict(template='a dog'), dict(background=()),
                    dict(background='silence')):
        with pytest.raises(ValueError, match='template must hold'):
            CLAPCueScorer(folder, **options)
