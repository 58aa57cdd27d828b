# Copyright (c) mmteso contributors. All rights reserved.
"""What ends a long training, and what is left of it: docs/robustness.md."""
import errno
import glob
import logging
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import warnings

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from narrow import CallHook, load, narrow_config
from toy_runner import ToyRandomData, toy_config

from mmteso.engine import resume_from_work_dir


@pytest.fixture(autouse=True)
def sigterm_is_left_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert signal.getsignal(signal.SIGTERM) is before


class _Killed(BaseException):
    """Ends a process at once, as far as files are concerned."""


def config_of(work_dir, by_epoch=False, num_workers=0):
    """Six iterations an epoch, a checkpoint every three or each epoch."""
    config = toy_config(work_dir)
    config['train_dataloader'].update(
        num_workers=num_workers,
        persistent_workers=by_epoch and num_workers > 0)
    checkpoint = dict(type='SafeCheckpointHook', by_epoch=by_epoch, interval=1
                      if by_epoch else 3, max_keep_ckpts=1, save_best='mean',
                      rule='greater')
    config['default_hooks'] = dict(checkpoint=checkpoint)
    if by_epoch:
        config['train_dataloader']['sampler'] = dict(
            type='DefaultSampler', shuffle=True)
        config['train_cfg'] = dict(by_epoch=True, max_epochs=2, val_interval=1)
    return config


def train(config, name, resume=False, **hooks):
    """Train, as tools/train.py does; hooks as those of CallHook."""
    config = Config(dict(config, experiment_name=name))
    if resume:
        resume_from_work_dir(config)
    runner = Runner.from_cfg(config)
    runner.warned, seen = listen(runner), []
    runner.register_hook(
        CallHook(before_train_iter=lambda runner: seen.append(runner.iter),
                 **hooks), 'HIGH')
    runner.train()
    runner.seen = seen
    return runner


def at(iteration, action):
    """Do something when so many iterations are done."""
    return lambda runner: runner.iter + 1 == iteration and action()


def listen(runner):
    """List of a runner's warnings, from now on."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    runner.logger.addHandler(handler)
    return messages


def assert_same(runner, other):
    for one, two in ((runner.model, other.model),
                     (runner.optim_wrapper, other.optim_wrapper)):
        torch.testing.assert_close(
            one.state_dict(), two.state_dict(), rtol=0, atol=0)


def terminate():
    """As Slurm does: all processes of the job, from outside."""
    pids = [os.getpid()]
    pids += [child.pid for child in multiprocessing.active_children()]
    subprocess.run(['kill', '-TERM', *map(str, pids)], check=True)


@pytest.mark.parametrize('by_epoch, num_workers, stop', [
    (False, 0, 4), (False, 2, 3), (True, 2, 4), (True, 0, 6)])
def test_sigterm(by_epoch, num_workers, stop, tmp_path):
    """A checkpoint is written wherever it comes, and nothing is lost."""
    name = f'sigterm-{by_epoch}-{num_workers}'
    whole = train(
        config_of(tmp_path / 'whole', by_epoch, num_workers), f'{name}-whole')
    config = config_of(tmp_path / 'parts', by_epoch, num_workers)
    with pytest.raises(SystemExit) as exit_info:
        train(config, f'{name}-stopped', after_train_iter=at(stop, terminate))
    assert exit_info.value.code == 143
    resumed = train(config, f'{name}-resumed', resume=True)
    assert resumed.seen == list(range(stop, whole.iter))
    assert_same(resumed, whole)
    assert checkpoints(resumed) == checkpoints(whole)


def test_sigterm_during_a_validation(tmp_path):
    """It ends without finishing the validation, which is made up for."""
    config = config_of(tmp_path)
    first = []
    with pytest.raises(SystemExit):
        train(config, 'val-stopped',
              before_val_iter=lambda runner: terminate(),
              after_val_iter=first.append)
    assert len(first) == 1 and not list(tmp_path.glob('best_*'))
    validated = []
    resumed = train(
        config, 'val-resumed', resume=True,
        after_val_epoch=lambda runner: validated.append(runner.iter))
    assert resumed.seen == [3, 4, 5, 6]
    assert validated == [3, 6, 7]


def test_sigterm_after_a_validation(tmp_path):
    """Which isn't made again."""
    config = config_of(tmp_path)
    with pytest.raises(SystemExit):
        train(config, 'validated', after_val_epoch=lambda runner: terminate())
    validated = []
    train(config, 'validated-resumed', resume=True,
          after_val_epoch=lambda runner: validated.append(runner.iter))
    assert validated == [6, 7]


def replace_fails(monkeypatch, number, error):
    """The ``number``-th file that is written whole doesn't get its name."""
    replace, calls = os.replace, []

    def fail(*args):
        calls.append(args)
        if len(calls) == number:
            raise error
        return replace(*args)

    monkeypatch.setattr('mmteso.io.files.os.replace', fail)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A training that nothing interrupted."""
    return train(config_of(tmp_path_factory.mktemp('whole')), 'whole')


def checkpoints(runner):
    return sorted(os.path.basename(name)
                  for name in glob.glob(f'{runner.work_dir}/*.p[at]*'))


@pytest.mark.parametrize('number', range(1, 5))
def test_killed_while_a_checkpoint_is_written(number, whole, tmp_path,
                                              monkeypatch):
    """Of iteration 3, the best, 3 that knows the best, 6."""
    config = config_of(tmp_path)
    with monkeypatch.context() as patch:
        replace_fails(patch, number, _Killed)
        with pytest.raises(_Killed):
            train(config, f'killed-{number}-stopped')
    # what a killed process leaves behind
    (tmp_path / 'iter_3.pth.1.partial').write_bytes(b'cut')
    resumed = train(config, f'killed-{number}-resumed', resume=True)
    assert resumed.seen[0] == (0 if number == 1 else 3)
    assert_same(resumed, whole)
    names = checkpoints(resumed)
    assert names == checkpoints(whole) and len(names) == 2
    for name in names:
        torch.load(tmp_path / name, weights_only=True)


def test_disk_is_full(tmp_path, monkeypatch):
    """The checkpoint before stays, and the error names it."""
    config = config_of(tmp_path)
    with monkeypatch.context() as patch:
        replace_fails(patch, 4, OSError(errno.ENOSPC, 'No space left'))
        with pytest.raises(OSError, match='is whole.*iter_3.pth') as caught:
            train(config, 'full')
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.glob('*.partial'))
    assert train(config, 'full-resumed', resume=True).seen == [3, 4, 5, 6]


def test_pointer_is_cut(tmp_path):
    """last_checkpoint itself is not written whole by mmengine."""
    config = config_of(tmp_path)
    train(config, 'pointer')
    (tmp_path / 'last_checkpoint').write_text('')
    config = Config(config)
    resume_from_work_dir(config)
    assert config.resume and config.load_from == str(tmp_path / 'iter_7.pth')


def poisoned(synthavs, work_dir, where, wrapper='OptimWrapper', **finite):
    """A real model; in iterations 1 and 2 the batch or a module is broken."""
    config = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), synthavs, work_dir, epochs=4)
    config.train_dataloader.dataset.indices = 8
    config.train_cfg.val_interval = 9
    config.optim_wrapper.type = wrapper
    config.default_hooks.finite_loss.update(finite)
    config.default_hooks.checkpoint.interval = 1
    runner, states = Runner.from_cfg(config), []

    def broken(runner):
        return runner.iter in (1, 2)

    def infect(module, args, output):
        if module.training and broken(runner):
            return output * float('nan')

    def overflow(module, args, output):
        if broken(runner) and output.requires_grad:
            output.register_hook(lambda gradient: gradient * float('inf'))

    audio_mlp = runner.model.prompt_encoder.audio_mlp
    audio_mlp.register_forward_hook(dict(
        forward=infect, backward=overflow, data=lambda *_: None)[where])

    def change(runner):
        state = dict(runner.model.state_dict())
        states.append({name: value.clone() for name, value in state.items()})

    class Break(Hook):

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            change(runner)
            if where == 'data' and broken(runner):
                data_batch['inputs']['log_mel'][1][:] = float('nan')

    runner.register_hook(Break())
    return runner, states


@pytest.mark.parametrize('where, message', [
    ('forward', 'first module to blame: prompt_encoder.audio_mlp '),
    ('backward', 'forward pass is finite; gradients that are not: '
     'prompt_encoder.audio_mlp.0'),
    pytest.param('data', 'data are not finite', marks=pytest.mark.slow),
])
def test_nan_is_named(where, message, synthavs, tmp_path):
    """Before it reaches the weights; the checkpoint stays."""
    runner, states = poisoned(synthavs, tmp_path, where)
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    text = str(caught.value)
    assert text.startswith('iteration 2: a gradient') and message in text
    assert len(re.findall(r'v2/synthavs-train-\S+, frame \d', text)) == 2
    assert f'{tmp_path}/iter_1.pth is as it was' in text
    assert ('Losses: ' in text) == (where != 'backward')
    for name, weight in runner.model.named_parameters():
        torch.testing.assert_close(weight.detach(), states[1][name])


@pytest.mark.parametrize('where', [
    'forward', *(pytest.param(where, marks=pytest.mark.slow)
                 for where in ('data', 'backward'))])
def test_nan_is_skipped(where, synthavs, tmp_path):
    """Weights, statistics and moments are those before."""
    runner, states = poisoned(synthavs, tmp_path, where, action='skip')
    warned = listen(runner)
    with warnings.catch_warnings():  # of the schedulers, about the step
        warnings.filterwarnings('error', '.*optimizer.step')
        runner.train()
    floats = [name for name, value in states[0].items()
              if value.is_floating_point()]
    for name in floats:
        assert torch.equal(states[1][name], states[3][name]), name
        assert torch.isfinite(runner.model.state_dict()[name]).all(), name
    assert any(not torch.equal(states[0][name], states[1][name])
               for name in floats)
    steps = {float(state['step'])
             for state in runner.optim_wrapper.optimizer.state.values()}
    assert steps == {2.}
    assert any('Step skipped; 2 in this run' in text for text in warned)


@pytest.mark.slow
def test_nan_forever_is_not_skipped(synthavs, tmp_path):
    runner, _ = poisoned(
        synthavs, tmp_path, 'forward', action='skip', max_skips=1)
    with pytest.raises(FloatingPointError, match='iteration 3'):
        runner.train()


def kill_a_worker(runner, done=2):
    if runner.iter + 1 == done and multiprocessing.active_children():
        worker = multiprocessing.active_children()[0]
        worker.kill()
        worker.join()


@pytest.mark.parametrize('by_epoch, done', [
    (False, 2),
    pytest.param(True, 2, marks=pytest.mark.slow),
    # of the first epoch, whose batches are all there
    pytest.param(True, 11, marks=pytest.mark.slow)])
def test_dead_worker_is_replaced(by_epoch, done, tmp_path):
    """By option; nothing is lost, so that nothing changes."""
    whole, other = (
        dict(config_of(tmp_path / name, by_epoch, num_workers=2))
        for name in ('whole', 'other'))
    for config in (whole, other):
        # more than the workers load ahead: the dead one is missed
        config['train_dataloader'].update(
            batch_size=1, persistent_workers=True)
    other['custom_hooks'] = [dict(type='RandomStateHook', worker_restarts=1)]
    name = f'worker-{by_epoch}-{done}'
    expected = train(whole, f'{name}-whole')
    runner = train(
        other, name,
        after_train_iter=lambda runner: kill_a_worker(runner, done))
    assert_same(runner, expected)
    assert any('started anew, 1 of 1' in text for text in runner.warned)


@pytest.mark.slow
def test_dead_worker_is_named(synthavs, tmp_path):
    """With what it may have choked on."""
    config = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), synthavs, tmp_path, epochs=9)
    config.train_dataloader.update(num_workers=2, persistent_workers=True)
    config.train_dataloader.dataset.indices = 8
    runner = Runner.from_cfg(config)
    runner.register_hook(CallHook(before_train_iter=kill_a_worker))
    with pytest.raises(RuntimeError, match='a worker died') as caught:
        runner.train()
    assert re.search(r'Being loaded: v2/\S+, frame \d; ', str(caught.value))


def vanish(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize('pattern, spoil, unreadable', [
    ('labels_*/*', cut, 'error'), ('audio.wav', vanish, 'replace'),
    pytest.param('frames/*', vanish, 'error', marks=pytest.mark.slow),
    pytest.param('frames/*', cut, 'replace', marks=pytest.mark.slow)])
def test_file_that_breaks_midway(pattern, spoil, unreadable, synthavs,
                                 tmp_path):
    """The error names it, or another frame takes its place."""
    root = tmp_path / 'data'
    shutil.copytree(synthavs, root)
    config = narrow_config(load('teso/teso-cue_r18_synthavs.py'), root,
                           tmp_path / 'work', epochs=4)
    config.train_dataloader.dataset.indices = 8
    config.train_cfg.val_interval = 9
    config.default_hooks.data_check.unreadable = unreadable
    runner = Runner.from_cfg(config)
    warned, spoiled = listen(runner), []

    def spoil_two_clips(runner):
        if runner.iter == 0:
            clips = sorted({sample['uid'] for sample in map(
                runner.train_dataloader.dataset.get_data_info, range(8))})
            spoiled.extend(clips[:2])
            for clip in clips[:2]:
                for path in root.glob(f'**/{clip}/{pattern}'):
                    spoil(path)

    runner.register_hook(CallHook(before_train_iter=spoil_two_clips))
    if unreadable == 'error':
        with pytest.raises((OSError, ValueError)) as caught:
            runner.train()
        assert any(clip in str(caught.value) for clip in spoiled)
        return
    runner.train()
    assert runner.iter == 4
    taken = [text for text in warned if 'Another frame was taken' in text]
    assert taken and all(
        any(clip in text for clip in spoiled) for text in taken)
    assert any(f'were replaced: {len(taken)} of 8' in text for text in warned)


@pytest.mark.parametrize('by_epoch', [False, True])
def test_resuming_loads_nothing_twice(by_epoch, tmp_path, monkeypatch):
    """At iteration 20000: the sampler is advanced, and no batch is made."""
    config = config_of(tmp_path, by_epoch)
    train(config, f'far-{by_epoch}')
    path = next(tmp_path.glob('epoch_*' if by_epoch else 'iter_*'))
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['meta'].update(iter=20001, epoch=3333 if by_epoch else 0)
    torch.save(checkpoint, path)
    config['train_cfg'].update(
        dict(max_epochs=3334) if by_epoch else dict(max_iters=20002))
    config.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    loaded, load_one = [], ToyRandomData.__getitem__
    monkeypatch.setattr(
        ToyRandomData, '__getitem__', lambda data, index: loaded.append(index)
        or load_one(data, index))
    runner = train(config, f'far-{by_epoch}-resumed', resume=True)
    # 20001 is the fourth iteration of an epoch of six, 11 samples in all
    assert runner.seen == list(range(20001, 20004 if by_epoch else 20002))
    assert len(loaded) == (5 if by_epoch else 2)
