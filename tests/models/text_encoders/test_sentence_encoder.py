# Copyright (c) mmteso contributors. All rights reserved.
import json
import shutil

import pytest
import torch
from mmseg.registry import MODELS
from safetensors.torch import load_file, save_file
from tiny_hf import write_llama
from tiny_zero_shot import write_clip_tokenizer

from mmteso.models.text_encoders import SentenceEncoder

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")

CUES = ['dog', 'Vacuum-Cleaner', 'man', 'a man with a dog']
SENTENCES = ['This is a dog.', 'This is a vacuum cleaner.', 'This is a man.',
             'This is a a man with a dog.']
WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'this', 'is', 'a', 'dog', 'man',
         'with', 'vacuum', 'clean', '##er', '.']


@pytest.fixture(scope='session')
def bert(tmp_path_factory):
    """A small random BERT as BERT's checkpoints are."""
    folder = tmp_path_factory.mktemp('models') / 'bert-small'
    torch.manual_seed(0)
    transformers.BertModel(
        transformers.BertConfig(vocab_size=len(WORDS), hidden_size=16,
                                num_hidden_layers=2, num_attention_heads=2,
                                intermediate_size=32,
                                max_position_embeddings=32,
                                initializer_range=0.5)).save_pretrained(folder)
    (folder / 'vocab.txt').write_text('\n'.join(WORDS) + '\n')
    (folder / 'tokenizer_config.json').write_text(
        json.dumps(dict(tokenizer_class='BertTokenizer', model_max_length=32)))
    return str(folder)


@pytest.fixture(scope='session')
def clip(tmp_path_factory):
    """A small random CLIP, pictures and texts."""
    folder = tmp_path_factory.mktemp('models') / 'clip-small'
    width = dict(hidden_size=16, intermediate_size=32, num_attention_heads=2)
    torch.manual_seed(0)
    transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config=dict(width, num_hidden_layers=2, initializer_factor=5.,
                             **write_clip_tokenizer(folder, 77)),
            vision_config=dict(width, num_hidden_layers=1, image_size=28,
                               patch_size=14),
            projection_dim=12)).save_pretrained(folder)
    return str(folder)


def tokens_of(folder, sentences):
    """Of each sentence by itself."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return [tokenizer(text, return_tensors='pt') for text in sentences]


@pytest.mark.parametrize('pooling, normalize', [('mean', True), ('cls', True),
                                                ('eos', False)])
def test_bert(bert, pooling, normalize):
    encoder = MODELS.build(dict(type='SentenceEncoder', model=bert,
                                pooling=pooling, normalize=normalize))
    found = encoder(CUES)
    assert found.dtype == torch.float32
    assert found.shape == (4, encoder.embed_dims) == (4, 16)
    # sentence by sentence, without padding
    model = transformers.BertModel.from_pretrained(bert).eval()
    for row, inputs in zip(found, tokens_of(bert, SENTENCES)):
        assert 1 not in inputs['input_ids']  # no word is unknown
        with torch.no_grad():
            states = model(**inputs).last_hidden_state[0]
        expected = dict(
            mean=states.mean(0), cls=states[0], eos=states[-1])[pooling]
        if normalize:
            expected = expected / expected.norm()
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-5)
    assert torch.pdist(found).min() > 0.01


@pytest.mark.parametrize('text_only', [False, True])
def test_clip(clip, text_only, tmp_path):
    """From a checkpoint of both towers or of the text tower alone.

    The former has another size in its text_config, as some of LAION's have.
    """
    folder = clip
    if text_only:
        folder = str(tmp_path / 'text')
        shutil.copytree(clip, folder)
        both = transformers.CLIPModel.from_pretrained(clip)
        text = transformers.CLIPTextConfig(
            **dict(both.config.text_config.to_dict(), projection_dim=12))
        model = transformers.CLIPTextModelWithProjection(text)
        model.load_state_dict({key: value
                               for key, value in both.state_dict().items()
                               if key.startswith('text_')})
        model.save_pretrained(folder)
    encoder = SentenceEncoder(folder, pooling='eos')
    assert encoder.embed_dims == 12
    assert not any('vision' in name or 'visual' in name
                   for name, _ in encoder.named_parameters())
    found = encoder(CUES)
    model = transformers.CLIPModel.from_pretrained(clip).eval()
    for row, inputs in zip(found, tokens_of(clip, SENTENCES)):
        with torch.no_grad():
            states = model.text_model(**inputs).last_hidden_state[0]
            expected = model.text_projection(states[-1])
        torch.testing.assert_close(
            row, expected / expected.norm(), rtol=0, atol=1e-5)
    assert torch.pdist(found).min() > 0.01
    with pytest.raises(ValueError, match="set pooling='eos', not 'mean'"):
        SentenceEncoder(folder)


def test_language_model(tmp_path):
    """No padding token, no pooler, read at the last token."""
    folder = write_llama(str(tmp_path / 'llama'))
    encoder = SentenceEncoder(folder, pooling='eos', normalize=False)
    found = encoder(CUES)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for row, inputs in zip(found, tokens_of(folder, SENTENCES)):
        with torch.no_grad():
            states = model(**inputs).last_hidden_state
        torch.testing.assert_close(row, states[0, -1], rtol=1e-4, atol=1e-4)


def test_encoder_of_an_encoder_decoder(bert, tmp_path):
    folder = tmp_path / 't5'
    shutil.copytree(bert, folder)
    (folder / 'model.safetensors').unlink()
    (folder / 'tokenizer_config.json').write_text(
        json.dumps(
            dict(
                tokenizer_class='BertTokenizer',
                # as T5's own tokenizer
                model_input_names=['input_ids', 'attention_mask'])))
    torch.manual_seed(0)
    transformers.T5Model(
        transformers.T5Config(vocab_size=len(WORDS), d_model=16, d_kv=8,
                              d_ff=32, num_layers=1,
                              num_heads=2)).save_pretrained(folder)
    encoder = SentenceEncoder(str(folder))
    assert not any('decoder' in name for name, _ in encoder.named_parameters())
    assert encoder(CUES).shape == (4, 16)


def without(bert, folder, part):
    """A copy of a folder without the weights whose names hold a part."""
    shutil.copytree(bert, folder)
    weights = load_file(folder / 'model.safetensors')
    weights = {k: v for k, v in weights.items() if part not in k}
    save_file(weights, folder / 'model.safetensors', dict(format='pt'))
    return str(folder)


def test_missing_weights(bert, tmp_path):
    key = 'encoder.layer.1.output.dense.weight'
    with pytest.raises(ValueError, match=key):
        SentenceEncoder(without(bert, tmp_path / 'one', key))
    # sentence encoders come without; a random one must not get a hash
    folder = without(bert, tmp_path / 'two', 'pooler')
    first, second = (SentenceEncoder(folder) for _ in range(2))
    assert torch.equal(first(CUES), SentenceEncoder(bert)(CUES))
    assert first.provenance() == second.provenance()


def test_provenance(bert, tmp_path):
    encoder = SentenceEncoder(bert)
    found = encoder.provenance()
    assert found.kind == 'cue_bank' and found.dims == 16
    assert found.encoder == 'bert-small'  # no path of this machine
    assert len(found.weights_hash) == 64
    assert found == SentenceEncoder(bert).provenance()
    others = [SentenceEncoder(bert, **kwargs).provenance()
              for kwargs in (dict(pooling='cls'), dict(normalize=False),
                             dict(max_length=9), dict(template='{cue}'),
                             dict(name='mine'))]
    assert all(other.weights_hash == found.weights_hash for other in others)

    changed = tmp_path / 'bert-small'
    shutil.copytree(bert, changed)
    weights = load_file(changed / 'model.safetensors')
    weights['embeddings.LayerNorm.bias'] += 1
    save_file(weights, changed / 'model.safetensors', dict(format='pt'))
    others.append(SentenceEncoder(str(changed)).provenance())
    shutil.copytree(bert, tmp_path / 'words' / 'bert-small')
    (tmp_path / 'words' / 'bert-small' / 'vocab.txt').write_text(
        '\n'.join([*WORDS[:-3], 'x', '##er', '.']) + '\n')
    others.append(
        SentenceEncoder(str(tmp_path / 'words' / 'bert-small')).provenance())
    everything = [repr(provenance) for provenance in [found, *others]]
    assert len(set(everything)) == len(everything) == 8


def test_in_an_installed_package(bert, tmp_path, monkeypatch):
    package = tmp_path / 'carrier'
    shutil.copytree(bert, package / 'model')
    (package / '__init__.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    encoder = SentenceEncoder('somebody/small', package='carrier')
    assert torch.equal(encoder(CUES), SentenceEncoder(bert)(CUES))
    assert encoder.provenance().encoder == 'somebody/small'
    with pytest.raises(ImportError, match=r'mmteso\[cutouts\]'):
        SentenceEncoder('somebody/small', package='carrier_2')


def test_wrong_pooling(bert):
    with pytest.raises(ValueError, match="pooling must be.*but got 'max'"):
        SentenceEncoder(bert, pooling='max')
