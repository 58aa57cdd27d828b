# Copyright (c) mmteso contributors. All rights reserved.
"""The configs: a training and a test on tiny data, and a full build."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmteso.testbeds.synthavs import generate_synthavs

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / 'configs'
CONDITIONS = ['normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen']


def test_training_and_test(tmp_path):
    """A step on all that is visible, a checkpoint that resumes; then filtered
    under all sounds."""
    root = str(tmp_path / 'synthavs')
    generate_synthavs(root, videos=8, frames=2, size=32)
    config = Config.fromfile(CONFIGS / 'bavs_r18_synthavs.py')
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        loader.dataset.update(data_root=root, serialize_data=False)
    # one clip alone could borrow no sound
    config.test_dataloader.dataset.split = ['train', 'val', 'test']
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.default_hooks.checkpoint.interval = 1
    config.update(
        work_dir=str(tmp_path / 'work'),
        log_level='ERROR',
        experiment_name='bavs-tiny',
        randomness=dict(seed=0))
    runner = Runner.from_cfg(config)
    model, targets = runner.model, []
    head_loss = model.decode_head.loss

    def spy(x, samples, *args, **kwargs):
        targets.extend(sample.gt_sem_seg.data for sample in samples)
        return head_loss(x, samples, *args, **kwargs)

    model.decode_head.loss = spy
    batches = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(kwargs) if kwargs.get(
            'mode') == 'loss' else None,
        with_kwargs=True)
    before = model.prompt_encoder.classifier.weight.detach().clone()
    runner.train()
    samples, = (batch['data_samples'] for batch in batches)
    assert len(targets) == len(samples) == 4
    for target, sample in zip(targets, samples):
        assert torch.equal(target, sample.gt_visible.data)
    assert not torch.equal(model.prompt_encoder.classifier.weight, before)
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    # nothing heard, nothing kept
    model.prompt_encoder.threshold = 2.
    batch = next(iter(runner.test_dataloader))
    batch['inputs']['log_mel'] = [x[0] for x in batch['inputs']['log_mel']]
    for sample in model.test_step(batch):
        assert sample.sounding_score.data.max() < 1e-5
        assert not sample.pred_sem_seg.data.any()
    config.update(resume=True, experiment_name='bavs-resumed')
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2


def test_frames_without_labels_teach_no_tags():
    """V1S's later frames: all is to be ignored, which isn't silence."""
    config = Config.fromfile(CONFIGS / 'bavs_r18_synthavs.py')
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    labels = torch.zeros(3, 1, 32, 32, dtype=torch.long)
    labels[0, :, :16], labels[1] = 3, 255
    inputs = dict(img=torch.randn(3, 3, 32, 32),
                  log_mel=torch.randn(3, 1, 96, 64))

    def loss_tags(frames):
        samples = [
            SegDataSample(
                gt_sem_seg=PixelData(data=labels[i]),
                metainfo=dict(img_shape=(32, 32), ori_shape=(32, 32)))
            for i in frames
        ]
        batch = {key: value[frames] for key, value in inputs.items()}
        return model.loss(batch, samples)['loss_tags']

    labelled, silent, ignored = map(
        loss_tags, ([0, 0], [2, 2], [1, 1]))
    assert ignored == 0 and silent > 0
    torch.testing.assert_close(loss_tags([0, 1]), labelled)
    torch.testing.assert_close(loss_tags([0, 2]), (labelled + silent) / 2)
    ignored.backward()  # all parameters take part, as DDP wants it
    assert not model.prompt_encoder.classifier.weight.grad.any()


def test_full_config(tmp_path):
    """With a small classifier that has AudioSet's kind of labels."""
    transformers = pytest.importorskip('transformers')
    config = Config.fromfile(CONFIGS / 'bavs-ast_swin-b_v1m.py')
    init_default_scope(config.default_scope)
    data = config.train_dataloader.dataset
    assert (data.subsets, data.task) == ('v1m', 'semantic')
    transformers.ASTConfig(
        architectures=['ASTForAudioClassification'],
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=64,
        num_mel_bins=32,
        id2label={0: 'Dog', 1: 'Acoustic guitar'},
        label2id={'Dog': 0, 'Acoustic guitar': 1}).save_pretrained(tmp_path)
    model = config.model
    model.audio_encoder.pretrained = str(tmp_path)
    model.backbone.update(embed_dims=8, depths=[1] * 4, num_heads=[1, 1, 2, 4])
    head = model.decode_head
    head.in_channels = [8, 16, 32, 64]
    head.num_queries = 4
    head.pixel_decoder.encoder.num_layers = 1
    head.transformer_decoder.num_layers = 2
    model = MODELS.build(model).eval()
    with torch.no_grad():
        inputs = dict(
            img=torch.randn(1, 3, 64, 64), audio_values=torch.randn(1, 64, 32))
        memory = model.encode_image(inputs)
        sample, = model.predict_prompt(memory, model.encode_prompt(inputs))
    assert sample.seg_logits.data.shape == (71, 64, 64)
    seen = sample.seg_logits.data.flatten(1).any(1).nonzero().flatten()
    assert set(seen.tolist()) <= {0, *sum(model.audio_encoder.matches, [])}
