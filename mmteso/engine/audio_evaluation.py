# Copyright (c) mmteso contributors. All rights reserved.
"""One model under several audio conditions."""
import copy
from typing import Optional, Sequence

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import RUNNERS

from .audio_condition import AUDIO_CONDITIONS, audio_conditions_dataloader
from .sound_steps import type_name
from .strict_loading import require_whole_checkpoint


def evaluate_audio_conditions(cfg: Config,
                              checkpoint: Optional[str] = None,
                              conditions: Sequence[str] = AUDIO_CONDITIONS,
                              reference: Optional[str] = None,
                              seed: Optional[int] = None,
                              off_screen_groups: Optional[str] = None,
                              allow_keys: Sequence[str] = ()) -> dict:
    """Test a model with its sound replaced, the picture unchanged.

    Runs :class:`AudioControlLoop` in place of the config's test loop; if that
    is one already, what it says and is not given here stays. Works in several
    processes as a test does.

    Args:
        cfg (Config): A whole config with ``test_dataloader``, ``test_cfg``
            and ``test_evaluator``; not modified.
        checkpoint (str, optional): Takes the place of ``cfg.load_from``.
        conditions (Sequence[str]): See :func:`audio_condition_transform`.
            Defaults to normal, mute, wgn-10db, wgn-40db and off-screen.
        reference (str, optional): What the noise's dB refer to: 'snr',
            'pcm16' or 'full_scale', see :class:`ReplaceAudioWithNoise`.
            Defaults to None: the config's, or 'snr'.
        seed (int, optional): Of the noise and of the off-screen clips.
            Defaults to None: the config's, or 0.
        off_screen_groups (str, optional): See :class:`AudioControlLoop`.
            Defaults to None: the config's, or none.
        allow_keys (Sequence[str]): Patterns of keys that the checkpoint may
            lack or have beyond the model. Defaults to none.

    Returns:
        dict: What :func:`make_audio_report` gives, with ``metrics`` (protocol
        and threshold), ``reference``, ``seed``, ``off_screen_groups`` and
        ``checkpoint``. Undefined results are NaN: write it with
        :func:`write_json`.

    Raises:
        ValueError: If a condition is unknown or given twice, the test
            pipeline reads no waveform, or the config has a test loop that
            would be left out.
        RuntimeError: If the checkpoint does not fit the model.
    """
    cfg = copy.deepcopy(cfg)
    loop = dict(cfg.test_cfg)
    if 'type' in loop and type_name(loop) not in ('TestLoop',
                                                  'AudioControlLoop'):
        raise ValueError(
            f'the config tests by {type_name(loop)}, which AudioControlLoop '
            'would replace. Test without audio conditions, or set '
            "test_cfg=dict(type='TestLoop')")
    given = dict(
        reference=reference, seed=seed, off_screen_groups=off_screen_groups)
    loop.update(
        {name: value
         for name, value in given.items() if value is not None},
        type='AudioControlLoop',
        conditions=list(conditions),
        log_table=False)
    # before anything is built, so that a wrong name costs no time
    audio_conditions_dataloader(
        cfg.test_dataloader, loop['conditions'],
        **{name: loop[name]
           for name in given if name in loop})
    cfg.test_cfg = loop
    if checkpoint is not None:
        cfg.load_from = checkpoint
    require_whole_checkpoint(cfg, allow_keys)
    runner = (
        RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg))
    runner.test()
    return dict(runner.test_loop.report, checkpoint=cfg.load_from)
