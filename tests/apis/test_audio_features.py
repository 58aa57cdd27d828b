# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import pickle

import pytest
import torch
from both_kinds import random_checkpoint
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from narrow import CallHook, load, narrow_config
from torch import nn

from data import make_avsbench, make_avsbench_object, write_wav
from mmteso.apis import evaluate_audio_conditions, extract_audio_features
from mmteso.audio import vggish_params
from mmteso.io import FeatureFile
from mmteso.models.weights import state_sha256

CONFIG = 'teso/teso_swin-b_v1m.py'
CACHED = 'teso/teso-cached-audio_swin-b_v1m.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """v1s has masks of first frames only, v1m of all; one sound is short."""
    root = make_avsbench(
        tmp_path_factory.mktemp('avsbench'), subsets=('v1s', 'v1m'), clips=2)
    write_wav(f'{root}/v1m/v1m-test-0_0_5000/audio.wav', 4.97, [300.],
              silent_from=4)
    return root


@MODELS.register_module()
class SmallAudioEncoder(BaseModule):
    """Frozen and with weights, as VGGish, but 128 kB instead of 288 MB."""

    def __init__(self, gain=1., init_cfg=None):
        super().__init__(init_cfg)
        self.gain = gain
        self.layer = nn.Linear(64, 128)
        self.requires_grad_(False)

    def forward(self, log_mel):
        return self.gain * self.layer(log_mel.mean((1, 2))).relu()


def pretrained(folder, seed=5, gain=1.):
    """Config of an encoder with random weights in a file."""
    path = folder / f'{seed}.pth'
    torch.manual_seed(seed)
    torch.save(SmallAudioEncoder().state_dict(), path)
    return dict(type='SmallAudioEncoder', gain=gain,
                init_cfg=dict(type='Pretrained', checkpoint=str(path)))


def config_of(name, root, work_dir, encoder=None, feature_file=None):
    config = narrow_config(load(name), root, work_dir, frames=4, epochs=2)
    config.model.audio_encoder = encoder or dict(type='LogMelStats')
    config.default_hooks.checkpoint = None
    for split in ('train', 'val', 'test'):
        for step in config[f'{split}_dataloader'].dataset.pipeline:
            if step.type == 'LoadAudioFeatures':
                step.feature_file = str(feature_file)
                step.expect.encoder = config.model.audio_encoder['type']
    return config


def extract(config, tmp_path, **options):
    return extract_audio_features(
        config, str(tmp_path / 'new' / 'audio.safetensors'),
        **dict(dict(num_workers=0), **options))


@pytest.mark.parametrize('options', [
    dict(batch_size=4), dict(num_workers=2, batch_size=1)])
def test_every_frame_of_every_clip(root, tmp_path, options):
    """Equal to the encoder's output on what the pipeline gives."""
    encoder_config = pretrained(tmp_path, gain=2.)
    config = config_of(CONFIG, root, tmp_path, encoder_config)
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.pop('indices')
    summary = extract(config, tmp_path, **options)
    assert (summary.clips, summary.frames) == (6, 30)
    features = FeatureFile(str(tmp_path / 'new' / 'audio.safetensors'))
    assert len(features) == 30
    with DefaultScope.overwrite_default_scope('mmseg'):
        encoder = MODELS.build(encoder_config)
        encoder.init_weights()
        dataset = DATASETS.build(config.test_dataloader.dataset)
    for index in range(len(dataset)):
        item = dataset[index]
        sample = item['data_samples']
        torch.testing.assert_close(features[f'{sample.uid}/{sample.frame}'],
                                   encoder(item['inputs']['log_mel'][None])[0],
                                   atol=1e-6, rtol=1e-5)
    provenance = features.provenance
    weights = encoder_config['init_cfg']['checkpoint']
    with open(weights, 'rb') as file:
        assert provenance.weights_hash == hashlib.sha256(
            file.read()).hexdigest()
    settings = provenance.settings
    assert settings.pop('log_mel')['sample_rate'] == vggish_params.SAMPLE_RATE
    assert settings == dict(sound='waveform', clip_hop=1.0,
                            last_clip='aligned', sample_rate=16000,
                            resampling='soxr HQ', encoder_args=dict(gain=2.),
                            state_sha256=state_sha256(encoder))


def test_frames_without_a_mask_and_other_subsets(root, tmp_path):
    """v1s train has a mask, and a sample, for frame 0 alone."""
    config = config_of(CONFIG, root, tmp_path)
    config.train_dataloader.dataset.pop('indices')
    extract(config, tmp_path, splits=['train'], subsets=['v1s', 'v1m'])
    assert set(FeatureFile(str(tmp_path / 'new' / 'audio.safetensors'))) == {
        f'{subset}-train-{clip}_0_5000/{frame}' for subset in ('v1s', 'v1m')
        for clip in range(2) for frame in range(5)}


def test_log_mel_files(tmp_path):
    """AVSBench-object's pickles; a short one repeats its last example."""
    root = make_avsbench_object(tmp_path / 'data', 's4', audio=['log_mel'])
    path, = (tmp_path / 'data').rglob('audio_log_mel/test/*/*.pkl')
    log_mel = pickle.loads(path.read_bytes())[:3].detach().clamp(min=-4.6)
    path.write_bytes(pickle.dumps(log_mel))
    loader = dict(dataset=dict(type='AVSBenchObjectDataset', data_root=root,
                               audio='log_mel', split='test',
                               pipeline=[dict(type='LoadLogMel'),
                                         dict(type='PackAVTInputs')]))
    config = Config(dict(test_dataloader=loader,
                         model=dict(audio_encoder=dict(type='LogMelStats'))))
    assert extract(config, tmp_path, splits=['test']).frames == 5
    features = FeatureFile(str(tmp_path / 'new' / 'audio.safetensors'),
                           dict(settings=dict(sound='log_mel', clip_hop=0.96)))
    expected = MODELS.get('LogMelStats')()(log_mel)
    for frame in range(5):
        torch.testing.assert_close(features[f's4-test-0/{frame}'],
                                   expected[min(frame, 2)])


def train(config):
    """Losses of each iteration, the encoder's calls, the model's state."""
    losses, heard = [], []
    runner = Runner.from_cfg(config)
    runner.register_hook(
        CallHook(before_train=lambda r: r.model.audio_encoder.
                 register_forward_hook(lambda *_: heard.append(1))))
    parse = runner.model.parse_losses

    def remember(values):
        total, named = parse(values)
        losses.append(total.item())
        return total, named

    runner.model.parse_losses = remember
    runner.train()
    return losses, len(heard), runner.model.state_dict()


def test_training_from_the_cache_equals_the_encoder_in_the_model(
        root, tmp_path):
    encoder = pretrained(tmp_path)
    file = tmp_path / 'new' / 'audio.safetensors'
    plain = config_of(CONFIG, root, tmp_path / 'plain', encoder)
    extract(plain, tmp_path)
    expected, encoded, plain_state = train(plain)
    losses, never, state = train(
        config_of(CACHED, root, tmp_path / 'cached', encoder, file))
    # two epochs of two batches; validated after each
    assert len(set(expected)) == 4 and encoded == 8 and never == 0
    assert losses == pytest.approx(expected, rel=1e-6)
    for key, value in plain_state.items():
        torch.testing.assert_close(state[key], value, atol=1e-5, rtol=1e-4)
    # features of other weights are refused
    other = config_of(CACHED, root, tmp_path, pretrained(tmp_path, 6), file)
    with pytest.raises(
            ValueError, match='SmallAudioEncoder with other weights'):
        Runner.from_cfg(other).train()


@pytest.mark.parametrize('cache_test', [False, True])
def test_other_sound_is_encoded_on_the_fly(root, tmp_path, monkeypatch,
                                           cache_test):
    """As it ships, and with a test pipeline that reads the cache."""
    plain = config_of(CONFIG, root, tmp_path / 'plain')
    extract(plain, tmp_path)
    checkpoint = random_checkpoint(plain)
    conditions = ['normal', 'mute', 'wgn-10db']
    expected = evaluate_audio_conditions(plain, checkpoint, conditions)
    cached = config_of(CACHED, root, tmp_path / 'cached', None,
                       tmp_path / 'new' / 'audio.safetensors')
    if cache_test:
        cached.test_dataloader.dataset.pipeline = \
            cached.val_dataloader.dataset.pipeline
    heard = []
    encoder = MODELS.get('LogMelStats')
    forward = encoder.forward

    def listen(self, log_mel):
        heard.append(log_mel)
        return forward(self, log_mel)

    monkeypatch.setattr(encoder, 'forward', listen)
    report = evaluate_audio_conditions(cached, checkpoint, conditions)
    for name in conditions:
        assert report['conditions'][name] == pytest.approx(
            expected['conditions'][name], rel=1e-4, nan_ok=True)
    # two batches under each condition in turn; no cache has these sounds, and
    # the normal one is encoded along with them
    assert len(heard) == 6
    silence = torch.tensor(vggish_params.LOG_OFFSET).log()
    for log_mel in heard[1::3]:
        torch.testing.assert_close(log_mel, silence.expand_as(log_mel))


def test_broken_files_are_all_named_and_nothing_is_written(tmp_path):
    root = make_avsbench(tmp_path / 'data', subsets=['v1m'], clips=3)
    for clip, content in ((0, b'RIFF'), (2, b'')):
        (tmp_path / f'data/v1m/v1m-val-{clip}_0_5000/audio.wav').write_bytes(
            content)
    config = config_of(CONFIG, root, tmp_path)
    config.val_dataloader.dataset.indices = 15  # three clips
    with pytest.raises(ValueError) as error:
        extract(config, tmp_path, splits=['val'], batch_size=2, num_workers=1)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("2 of 3 clips can't be read, so nothing was")
    assert [line.split(':')[0].strip() for line in lines[1:3]] == \
        ['v1m-val-0_0_5000/0', 'v1m-val-2_0_5000/0']
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('encoder, error, message', [
    (None, ValueError, 'has no audio_encoder'),
    (dict(type='SmallAudioEncoder'), ValueError, 'needs a local file'),
    (dict(type='SmallAudioEncoder', init_cfg=dict(
        type='Pretrained', checkpoint='no-such-file.pth')),
     FileNotFoundError, 'no-such-file.pth'),
])
def test_encoders_without_weights(root, tmp_path, encoder, error, message):
    config = config_of(CONFIG, root, tmp_path)
    config.model.audio_encoder = encoder
    with pytest.raises(error, match=message):
        extract(config, tmp_path)
