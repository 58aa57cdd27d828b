# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import pickle

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from narrow import CallHook, load, narrow_config, plain_config_text
from torch import nn

from data import make_avsbench, make_avsbench_object, write_wav
from mmteso.apis import extract_audio_features
from mmteso.apis.audio_features import find_clips
from mmteso.audio import vggish_params
from mmteso.engine import evaluate_audio_conditions
from mmteso.io import FeatureFile
from mmteso.models import VGGish
from mmteso.models.state_hash import state_sha256

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


def pretrained(kind, folder, seed=5):
    """Config of an encoder with random weights in a file."""
    path = folder / f'{kind}-{seed}.pth'
    torch.manual_seed(seed)
    encoder = VGGish() if kind == 'VGGish' else SmallAudioEncoder()
    torch.save(encoder.state_dict(), path)
    return dict(
        type=kind, init_cfg=dict(type='Pretrained', checkpoint=str(path)))


@pytest.fixture(autouse=True)
def quick_runners():
    """See :func:`narrow.plain_config_text`."""
    with plain_config_text():
        yield


def config_of(name, root, work_dir, encoder=None, feature_file=None):
    config = narrow_config(
        load(name), root, work_dir, frames=4, epochs=2)
    config.model.audio_encoder = encoder or dict(type='LogMelStats')
    config.default_hooks.checkpoint = None  # VGGish's weights take seconds
    for split in ('train', 'val', 'test'):
        for step in config[f'{split}_dataloader'].dataset.pipeline:
            if step.type == 'LoadAudioFeatures':
                step.feature_file = str(feature_file)
                step.expect.encoder = config.model.audio_encoder['type']
    return config


# ------------------------------------------------------------------ content
def test_every_frame_of_every_clip(root, tmp_path):
    """Equal to the encoder's output on what the pipeline gives."""
    config = config_of(CONFIG, root, tmp_path)
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.pop('indices')
    out = str(tmp_path / 'new' / 'audio.safetensors')
    summary = extract_audio_features(
        config, out, num_workers=0, batch_size=4)
    assert (summary.clips, summary.frames) == (6, 30)
    features = FeatureFile(out, dict(kind='audio', encoder='LogMelStats'))
    assert len(features) == 30
    with DefaultScope.overwrite_default_scope('mmseg'):
        encoder = MODELS.build(config.model.audio_encoder)
        for split in ('train', 'val', 'test'):
            dataset = DATASETS.build(config[f'{split}_dataloader'].dataset)
            for index in range(len(dataset)):
                item = dataset[index]
                sample = item['data_samples']
                expected = encoder(item['inputs']['log_mel'][None])[0]
                found = features[f'{sample.uid}/{sample.frame}']
                torch.testing.assert_close(
                    found, expected, atol=1e-6, rtol=1e-6)
                assert found.dtype == torch.float32
    provenance = features.provenance
    assert provenance.weights_hash == '' and provenance.dims == 128
    settings = provenance.settings
    assert settings.pop('log_mel') == {
        name.lower(): value
        for name, value in vars(vggish_params).items()
        if name.isupper() and not name.startswith('EXAMPLE')
    }
    assert settings == dict(
        sound='waveform',
        clip_hop=1.0,
        last_clip='aligned',
        sample_rate=16000,
        resampling='soxr HQ',
        encoder_args={},
        state_sha256='')


def test_frames_without_a_mask_and_other_subsets(root, tmp_path):
    """v1s train has a mask, and a sample, for frame 0 alone."""
    config = config_of(CONFIG, root, tmp_path)
    config.train_dataloader.dataset.pop('indices')
    clips = find_clips(config, ['train'], ['v1s', 'v1m'])
    assert [(clip['subset'], clip['num_frames']) for clip in clips] == \
        [('v1s', 5), ('v1s', 5), ('v1m', 5), ('v1m', 5)]
    out = str(tmp_path / 'v1s.safetensors')
    summary = extract_audio_features(
        config, out, splits=['train'], subsets=['v1s'], num_workers=0)
    assert (summary.clips, summary.frames) == (2, 10)
    assert set(FeatureFile(out)) == {
        f'v1s-train-{clip}_0_5000/{frame}'
        for clip in range(2)
        for frame in range(5)
    }


def test_log_mel_files(tmp_path):
    """AVSBench-object's pickles; a short one repeats its last example."""
    root = make_avsbench_object(tmp_path / 'data', 's4', audio=['log_mel'])
    path, = (tmp_path / 'data').rglob('audio_log_mel/test/*/*.pkl')
    log_mel = pickle.loads(path.read_bytes())[:3].detach().clamp(min=-4.6)
    path.write_bytes(pickle.dumps(log_mel))
    loader = dict(
        dataset=dict(
            type='AVSBenchObjectDataset',
            data_root=root,
            audio='log_mel',
            split='test',
            pipeline=[dict(type='LoadLogMel'), dict(type='PackAVTInputs')]))
    config = Config(
        dict(
            test_dataloader=loader,
            model=dict(audio_encoder=dict(type='LogMelStats'))))
    out = str(tmp_path / 'audio.safetensors')
    summary = extract_audio_features(
        config, out, splits=['test'], num_workers=0)
    assert (summary.clips, summary.frames) == (1, 5)
    features = FeatureFile(
        out, dict(settings=dict(sound='log_mel', clip_hop=0.96)))
    expected = MODELS.get('LogMelStats')()(log_mel)
    for frame in range(5):
        torch.testing.assert_close(features[f's4-test-0/{frame}'],
                                   expected[min(frame, 2)])


def test_weights_are_those_of_the_file(root, tmp_path):
    encoder_config = pretrained('SmallAudioEncoder', tmp_path)
    config = config_of(CONFIG, root, tmp_path, dict(encoder_config, gain=2.))
    out = str(tmp_path / 'audio.safetensors')
    provenance = extract_audio_features(
        config, out, splits=['val'], num_workers=0).provenance
    weights = encoder_config['init_cfg']['checkpoint']
    with open(weights, 'rb') as file:
        assert provenance.weights_hash == hashlib.sha256(
            file.read()).hexdigest()
    encoder = SmallAudioEncoder(gain=2.)
    encoder.load_state_dict(torch.load(weights, weights_only=True))
    assert provenance.settings['state_sha256'] == state_sha256(encoder)
    assert provenance.settings['encoder_args'] == dict(gain=2.)
    with DefaultScope.overwrite_default_scope('mmseg'):
        item = DATASETS.build(config.val_dataloader.dataset)[0]
    torch.testing.assert_close(
        FeatureFile(out)[f'{item["data_samples"].uid}/0'],
        encoder(item['inputs']['log_mel'][None])[0],
        atol=1e-6,
        rtol=1e-5)


# ------------------------------------------------------------- training
def train(config):
    """Losses of each iteration, the validation's results, the runner."""
    losses, heard = [], []
    runner = Runner.from_cfg(config)
    runner.register_hook(
        CallHook(before_train=lambda r: r.model.audio_encoder.
                 register_forward_hook(lambda *_: heard.append(1))))
    parse = runner.model.parse_losses

    def remember(values):
        losses.append({
            key: torch.stack(list(value)).sum().item() if isinstance(
                value, (list, tuple)) else value.mean().item()
            for key, value in values.items()
        })
        return parse(values)

    runner.model.parse_losses = remember
    runner.train()
    return losses, len(heard), runner


@pytest.mark.parametrize(
    'kind',
    ['LogMelStats', pytest.param('VGGish', marks=pytest.mark.slow)])
def test_training_from_the_cache_equals_the_encoder_in_the_model(
        kind, root, tmp_path):
    encoder = None if kind == 'LogMelStats' else pretrained(kind, tmp_path)
    plain = config_of(CONFIG, root, tmp_path / 'plain', encoder)
    file = tmp_path / 'audio.safetensors'
    extract_audio_features(plain, str(file), num_workers=0)
    cached = config_of(CACHED, root, tmp_path / 'cached', encoder, file)
    expected, encoded, plain_runner = train(plain)
    losses, never, runner = train(cached)
    # two epochs of two batches; validated after each
    assert len(expected) == len(losses) == 4
    assert encoded == 8 and never == 0
    assert len({one['decode.loss_mask'] for one in losses}) == 4
    for first, second in zip(expected, losses):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert second[key] == pytest.approx(value, rel=1e-6, abs=1e-6)
    # the same weights come out, and the encoder is among them
    state = runner.model.state_dict()
    for key, value in plain_runner.model.state_dict().items():
        torch.testing.assert_close(state[key], value, atol=1e-5, rtol=1e-4)
    if kind == 'VGGish':
        weights = torch.load(
            encoder['init_cfg']['checkpoint'], weights_only=True)
        for key, value in weights.items():
            assert torch.equal(state[f'audio_encoder.{key}'], value)


# ------------------------------------------------------- audio conditions
@pytest.fixture
def tested(root, tmp_path):
    """A model, its features, and a plain config."""
    config = config_of(CONFIG, root, tmp_path / 'plain')
    file = str(tmp_path / 'audio.safetensors')
    extract_audio_features(config, file, num_workers=0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config.model)
    checkpoint = tmp_path / 'model.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    return config, file, str(checkpoint)


@pytest.mark.parametrize('cache_test', [False, True])
def test_other_sound_is_encoded_on_the_fly(tested, root, tmp_path,
                                           monkeypatch, cache_test):
    """As it ships, and with a test pipeline that reads the cache."""
    plain, file, checkpoint = tested
    conditions = ['normal', 'mute', 'wgn-10db']
    expected = evaluate_audio_conditions(plain, checkpoint, conditions)
    cached = config_of(CACHED, root, tmp_path / 'cached', None, file)
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
        for key, value in expected['conditions'][name].items():
            assert report['conditions'][name][key] == pytest.approx(
                value, rel=1e-4, nan_ok=True)
    # two batches under each condition in turn; no cache has these sounds, and
    # the normal one is encoded along with them
    assert len(heard) == 6
    silence = torch.tensor(vggish_params.LOG_OFFSET).log()
    for log_mel in heard[1::3]:
        torch.testing.assert_close(log_mel, silence.expand_as(log_mel))
    scores = report['conditions']
    assert scores['mute']['F'] != scores['normal']['F']


def test_features_of_other_weights_are_refused(root, tmp_path):
    plain, other = (
        config_of(CONFIG, root, tmp_path,
                  pretrained('SmallAudioEncoder', tmp_path, seed))
        for seed in (5, 6))
    file = tmp_path / 'audio.safetensors'
    extract_audio_features(
        plain, str(file), splits=['train', 'val'], num_workers=0)
    config = config_of(CACHED, root, tmp_path, other.model.audio_encoder,
                       file)
    with pytest.raises(
            ValueError, match='SmallAudioEncoder with other weights'):
        Runner.from_cfg(config).train()


# ----------------------------------------------------------- what is refused
def extract(config, tmp_path, **options):
    return extract_audio_features(
        config, str(tmp_path / 'audio.safetensors'), num_workers=0, **options)


def test_broken_files_are_all_named_and_nothing_is_written(tmp_path):
    root = make_avsbench(tmp_path / 'data', subsets=['v1m'], clips=3)
    for clip, content in ((0, b'RIFF'), (2, b'')):
        (tmp_path / f'data/v1m/v1m-val-{clip}_0_5000/audio.wav').write_bytes(
            content)
    config = config_of(CONFIG, root, tmp_path)
    config.val_dataloader.dataset.indices = 15  # three clips
    with pytest.raises(ValueError) as error:
        extract_audio_features(
            config,
            str(tmp_path / 'audio.safetensors'),
            splits=['val'],
            batch_size=2,
            num_workers=1)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("2 of 3 clips can't be read, so nothing was")
    assert [line.split(':')[0].strip() for line in lines[1:3]] == \
        ['v1m-val-0_0_5000', 'v1m-val-2_0_5000']
    assert not list(tmp_path.glob('audio*'))


def small(**init_cfg):
    return dict(
        type='SmallAudioEncoder', init_cfg=dict(type='Pretrained', **init_cfg))


@pytest.mark.parametrize('encoder, error, message', [
    (None, ValueError, 'has no audio_encoder'),
    (dict(type='SmallAudioEncoder'), ValueError, 'needs a local file'),
    (small(checkpoint='https://example.org/a.pth'), ValueError,
     'needs a local file'),
    (small(checkpoint='no-such-file.pth'), FileNotFoundError,
     'no-such-file.pth'),
])
def test_encoders_without_weights(root, tmp_path, encoder, error, message):
    config = config_of(CONFIG, root, tmp_path)
    config.model.audio_encoder = encoder
    with pytest.raises(error, match=message):
        extract(config, tmp_path)


def test_one_uid_for_two_sounds(root, tmp_path):
    other = make_avsbench(tmp_path / 'other', subsets=['v1m'])
    config = config_of(CONFIG, root, tmp_path)
    config.val_dataloader.dataset.data_root = other
    config.val_dataloader.dataset.split = 'train'
    with pytest.raises(ValueError, match='names two clips with different'):
        extract(config, tmp_path)
