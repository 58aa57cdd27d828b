# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from mmengine.runner import Runner
from narrow import CallHook, load, narrow_config


@pytest.mark.parametrize('clip', [dict(max_norm=1e-3), None])
def test_norms_of_the_parts(clip, v1m, tmp_path):
    """Those of the gradients before the clip, in each log of the run."""
    config = narrow_config(
        load('teso/teso_swin-b_v1m.py'), v1m, tmp_path, epochs=2)
    config.optim_wrapper.clip_grad = clip
    config.default_hooks.logger.interval = 1
    config.log_processor.window_size = 1  # a mean otherwise
    config.visualizer.name = str(tmp_path)  # one a process otherwise
    # the way that the docstring tells
    config.merge_from_dict({'default_hooks.grad_norm.type': 'GradNormHook',
                            'default_hooks.grad_norm.interval': 2})
    squares = []

    def watch(runner):
        squares.append({})
        for name, parameter in runner.model.named_parameters():
            if name.startswith('decode_head.cls_embed.') and not hasattr(
                    parameter, 'watched'):
                parameter.watched = True
                parameter.register_hook(lambda gradient, name=name: squares[
                    -1].update({name: float(gradient.square().sum())}))

    runner = Runner.from_cfg(config)
    runner.register_hook(CallHook(before_train_iter=watch))
    runner.train()
    log, = tmp_path.glob('*/vis_data/scalars.json')
    first, second = (
        step for step in map(json.loads,
                             log.read_text().splitlines()) if 'loss' in step)
    prefix = 'gradient/'
    assert not any(key.startswith(prefix) for key in first)
    norms = {key[len(prefix):]: value for key, value in second.items()
             if key.startswith(prefix)}
    assert {'backbone adapters', 'decode_head.cls_embed',
            'prompt_encoder.text_mlp',
            'prompt_encoder.layers q, k'} <= set(norms)
    assert norms['decode_head.cls_embed']**2 == pytest.approx(
        sum(squares[1].values()), rel=1e-3)
    if clip:
        assert sum(n**2 for n in norms.values())**0.5 == pytest.approx(
            second['grad_norm'], rel=1e-3)
