# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from narrow import load, narrow_config

from mmteso.analysis.first_steps import first_steps, format_first_steps


@pytest.fixture
def config(v1m, tmp_path):
    config = narrow_config(load('teso/teso_swin-b_v1m.py'), v1m, tmp_path)
    # an untrained mask may drop all cues, and with them a gradient
    config.model.prompt_encoder.dynamic_mask.mode = 'off'
    return config


def test_what_starves(config):
    """A step is the clipped gradient's share of itself and eps."""
    config.optim_wrapper.clip_grad.max_norm = 0.1
    config.optim_wrapper.optimizer.eps = 1e-6
    result = first_steps(config, clips=[0.1, 0.001], epsilons=[1e-6, 1e-8, 1.])
    steps, = result.steps.values()
    parts = list(steps.index)
    assert {'backbone adapters', 'decode_head.cls_embed', 'decode_head.pmqs',
            'prompt_encoder.audio_mlp',
            'prompt_encoder.layers q, k'} <= set(parts)
    own = steps['step'].to_dict()
    approx = pytest.approx
    # what torch's optimiser does; its steps are rounded to the weights'
    assert result.replayed['clip 0.1, eps 1e-06'].to_dict() == approx(
        own, rel=1e-3)
    # the gradient is far above either clip: only clip / eps counts
    assert result.replayed['clip 0.001, eps 1e-08'].to_dict() == approx(
        own, rel=1e-3)
    assert all(result.replayed['clip 0.1, eps 1'] < 0.01)
    fed = result.replayed['clip 0.1, eps 1e-08']
    assert all(own[part] <= fed[part] * 1.001 <= 1.002 for part in parts)
    assert fed['decode_head.cls_embed'] > 0.99 > own[
        'prompt_encoder.layers q, k']
    assert (steps['clipped_norm']**2).sum()**0.5 == approx(0.1, rel=1e-3)
    assert (steps['norm']**2).sum()**0.5 > 1
    assert '| prompt_encoder.layers q, k ' in format_first_steps(result)


def test_schedule_and_later_steps(config):
    """The rates are the schedule's, and the model moves."""
    result = first_steps(config, [1, 3], epoch_length=10)
    assert list(result.steps) == [1, 3]
    assert len(result.losses) == 3 and len(set(result.losses)) == 3
    warm_up = config.param_scheduler[0]
    assert result.rates[0] == pytest.approx(1e-3 * warm_up.start_factor)
    assert result.rates == sorted(result.rates)
    # a rate scales the step and not its ratio to the rate
    assert result.steps[3]['relative'].iloc[0] > 0


def test_real_data(config):
    result = first_steps(config, real_data=True)
    norms = result.steps[1]['norm']
    assert (norms[~norms.index.str.contains('k bias')] > 0).all()
