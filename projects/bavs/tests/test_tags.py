# Copyright (c) mmteso contributors. All rights reserved.
"""From an audio classifier's labels to classes."""
import pytest
import torch

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso_bavs import AudioTagger, TagPrompt, match_labels

CLASSES = ('background', 'dog', 'guitar', 'motorbike')
LABELS = {
    0: 'Acoustic guitar',
    1: 'Motorbikes (engine)',
    2: 'Silence',
    3: 'Dog',
    4: 'Dogs, puppies'
}


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    """An AST with five labels, whose weights are random."""
    transformers = pytest.importorskip('transformers')
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('ast')
    config = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=64,
        num_mel_bins=32,
        id2label=LABELS,
        label2id={name: i for i, name in LABELS.items()},
        initializer_range=0.3)
    model = transformers.ASTForAudioClassification(config)
    model.save_pretrained(folder)
    return str(folder), model.eval()


def test_labels_name_classes():
    labels = list(LABELS.values())
    assert match_labels(labels, CLASSES) == [[2], [3], [], [1], [1]]
    assert match_labels(['Speech'], ('background', 'man', 'speech')) == [[2]]


@pytest.mark.parametrize('label, names', [
    ('Ambulance (siren)', 'emergency-car'), ('Violin, fiddle', 'violin'),
    ('Wind', ''), ('Speech', 'boy girl man woman'),
    ('Male speech, man speaking', 'man'), ('Female singing', 'woman'),
    ('Child speech, kid speaking', 'boy girl'),
    ('Baby cry, infant cry', 'baby'), ('Bark', 'dog'),
    ('Frying (food)', 'frying-food'),
    # words that mislead
    ('Wail, moan', 'boy girl man woman'), ('Cluck', 'hen'),
    ('Speech synthesizer', ''), ('Roaring cats (lions, tigers)', 'lion tiger'),
])
def test_audiosets_labels(label, names):
    found, = match_labels([label], AVSBENCH_CLASSES)
    assert [AVSBENCH_CLASSES[index] for index in found] == names.split()


@torch.no_grad()
def test_a_class_is_as_sure_as_its_surest_label(classifier):
    folder, model = classifier
    tagger = AudioTagger(folder, CLASSES)
    tagger.init_weights()
    assert not tagger.train().training
    assert not any(p.requires_grad for p in tagger.parameters())
    sound = torch.randn(3, 64, 32)
    expected = model(sound).logits.sigmoid()
    scores = tagger(sound)
    assert scores.shape == (3, tagger.embed_dims) == (3, 4)
    torch.testing.assert_close(
        scores,
        torch.stack([
            torch.zeros(3), expected[:, 3:].amax(1), expected[:, 0],
            expected[:, 1]
        ], 1))
    heard = TagPrompt(4, threshold=.5)(scores).cue_classes
    assert torch.equal(heard, scores > .5) and heard.any()


def test_a_classifier_of_other_things_is_refused(classifier, monkeypatch):
    warned = []
    monkeypatch.setattr('mmteso_bavs.audio_tagger.warn', warned.append)
    with pytest.raises(ValueError, match='names a class'):
        AudioTagger(classifier[0], ('background', 'zither'))
    AudioTagger(classifier[0], CLASSES)
    assert not warned
    AudioTagger(classifier[0], (*CLASSES, 'zither'))
    assert 'names zither: their masks are never kept' in warned[0]


def test_labels_that_exclude_each_other_are_refused(classifier, tmp_path):
    from transformers import ASTConfig
    config = ASTConfig.from_pretrained(classifier[0])
    config.problem_type = 'single_label_classification'
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match='one label a clip'):
        AudioTagger(str(tmp_path), CLASSES)
