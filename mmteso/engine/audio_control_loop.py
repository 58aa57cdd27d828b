# Copyright (c) mmteso contributors. All rights reserved.
"""Tests under several audio conditions."""
import copy
import os.path as osp
from typing import Any, Dict, List, Optional, Sequence, Union

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, TestLoop
from mmengine.runner.amp import autocast
from mmseg.registry import LOOPS

from mmteso.choices import AUDIO_CONDITIONS
from mmteso.datasets.transforms import split_conditions
from .audio_condition import audio_conditions_dataloader
from .audio_report import flat_scores, format_audio_report, make_audio_report
from .options import build_runner
from .sound_steps import type_name
from .strict_loading import require_whole_checkpoint


@LOOPS.register_module()
class AudioControlLoop(TestLoop):
    """Tests a model with its sound replaced, the picture unchanged.

    The paper's audio control (table 4). All conditions are tested in one pass
    over the data: a frame is read once and encoded once
    (:meth:`AudioTextSegmentor.test_sounds_step`; a model without it takes a
    ``test_step`` for each condition), and the results are those of as many
    separate tests. In a config:

    .. code-block:: python

        test_cfg = dict(type='AudioControlLoop', conditions=['normal', 'mute'])

    Each condition has an evaluator of its own. Hooks are called once per
    batch and get the predictions under the first condition; those that have a
    method ``after_test_condition(runner, condition, outputs)`` get the others'
    by it. A run returns :func:`flat_scores`, which hooks find as metrics.

    Args:
        runner (Runner): The runner.
        dataloader (dict): Config of the test dataloader. Its data sets'
            pipelines must load the sound by ``LoadAudioClip``, or from
            ``LoadAudioFeatures`` (see :func:`insert_audio_conditions`).
        evaluator (dict | list): Config, built once per condition. Where a
            metric has an ``output_dir``, each condition gets a folder of its
            name in it, and where it has an ``out_file_path`` a file of its
            own, 'results.mute.pkl' for 'results.pkl'.
        conditions (Sequence[str]): See
            :func:`mmteso.choices.audio_condition_transform`.
            Defaults to normal, mute, wgn-10db, wgn-40db and off-screen.
        reference (str): What the noise's dB refer to: 'snr', 'pcm16' or
            'full_scale', see :class:`ReplaceAudioWithNoise`. Defaults to
            'snr'.
        seed (int): Of the noise and of the off-screen clips. Defaults to 0.
        off_screen_groups (str, optional): ``groups`` of
            :func:`off_screen_table`, e.g. 'avsbench' for sound of another
            broad group, as AVSBench-Robust has it. Defaults to None.
        fp16 (bool): Whether to test in half precision. Defaults to False.
        log_table (bool): Whether to log the table. Defaults to True.

    Attributes:
        report (dict): After a run, what :func:`make_audio_report` gives.

    Raises:
        TypeError: If the dataloader is built already.
        ValueError: If a condition is unknown or given twice, or the test
            pipeline reads no sound that could be altered.
    """

    def __init__(self,
                 runner: Runner,
                 dataloader: dict,
                 evaluator: Union[dict, list],
                 conditions: Sequence[str] = AUDIO_CONDITIONS,
                 reference: str = 'snr',
                 seed: int = 0,
                 off_screen_groups: Optional[str] = None,
                 fp16: bool = False,
                 log_table: bool = True) -> None:
        if not isinstance(dataloader, dict):
            raise TypeError('AudioControlLoop changes the pipelines of the '
                            "dataloader's config, but got a built one: "
                            f'{type(dataloader).__name__}')
        self.conditions = list(conditions)
        self.facts = dict(
            reference=reference,
            seed=seed,
            off_screen_groups=off_screen_groups)
        dataloader = audio_conditions_dataloader(dataloader, self.conditions,
                                                 **self.facts)
        first, *others = (
            _evaluator_of(evaluator, name) for name in self.conditions)
        super().__init__(runner, dataloader, first, fp16)
        self.evaluators = {self.conditions[0]: self.evaluator}
        for name, config in zip(self.conditions[1:], others):
            self.evaluators[name] = runner.build_evaluator(config)
            self.evaluators[name].dataset_meta = self.evaluator.dataset_meta
        self.log_table = log_table
        self.report: Dict[str, Any] = {}

    def run(self) -> Dict[str, float]:
        """Test all conditions; gives :func:`flat_scores`."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        results = {}
        for name, evaluator in self.evaluators.items():
            print_log(f'Audio condition: {name}', logger='current')
            results[name] = evaluator.evaluate(len(self.dataloader.dataset))
        # as the results: the main process alone has all frames' sizes
        protocols = [[
            f'{type(metric).__name__}: ' +
            (metric.describe() if hasattr(metric, 'describe') else
             'see its documentation for the protocol')
            for metric in self.evaluator.metrics
        ]]
        broadcast_object_list(protocols)
        self.report = make_audio_report(
            results, metrics=protocols[0], **self.facts)
        if self.log_table and is_main_process():
            print_log('\n' + format_audio_report(self.report), 'current')
        metrics = flat_scores(self.report)
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Test a batch under all conditions."""
        self.runner.call_hook(
            'before_test_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = self._predict(data_batch)
        for evaluator, samples in zip(self.evaluators.values(), outputs):
            evaluator.process(data_samples=samples, data_batch=data_batch)
        self.runner.call_hook(
            'after_test_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs[0])
        for name, samples in zip(self.conditions[1:], outputs[1:]):
            self.runner.call_hook(
                'after_test_condition', condition=name, outputs=samples)

    def _predict(self, data_batch: dict) -> List[Sequence]:
        """Predictions by condition."""
        model = self.runner.model
        if len(self.conditions) == 1:
            return [model.test_step(data_batch)]
        batches = split_conditions(data_batch, len(self.conditions))
        inner = model.module if is_model_wrapper(model) else model
        if hasattr(inner, 'test_sounds_step'):
            return inner.test_sounds_step(batches)
        return [model.test_step(batch) for batch in batches]


def _evaluator_of(evaluator: Union[dict, list], condition: str) -> list:
    """The config of a condition's own evaluator."""
    metrics = evaluator if isinstance(evaluator, list) else [evaluator]
    metrics = copy.deepcopy(metrics)
    for metric in metrics:
        if metric.get('output_dir'):
            metric['output_dir'] = osp.join(metric['output_dir'], condition)
        if metric.get('out_file_path'):  # DumpResults
            stem, suffix = osp.splitext(metric['out_file_path'])
            metric['out_file_path'] = f'{stem}.{condition}{suffix}'
    return metrics


def evaluate_audio_conditions(cfg: Config,
                              checkpoint: Optional[str] = None,
                              conditions: Sequence[str] = AUDIO_CONDITIONS,
                              reference: Optional[str] = None,
                              seed: Optional[int] = None,
                              off_screen_groups: Optional[str] = None,
                              allow_keys: Sequence[str] = ()) -> dict:
    """Run :class:`AudioControlLoop` in place of a config's test loop.

    What a loop of this type says in the config and is not given here stays.
    Works in several processes as a test does.

    Args:
        cfg (Config): A whole config with ``test_dataloader``, ``test_cfg``
            and ``test_evaluator``; not modified.
        checkpoint (str, optional): Takes the place of ``cfg.load_from``.
        conditions, reference, seed, off_screen_groups: See
            :class:`AudioControlLoop`. None, the default of the last three,
            is what the config's own loop says, else the class's default.
        allow_keys (Sequence[str]): Patterns of keys that the checkpoint may
            lack or have beyond the model. Defaults to none.

    Returns:
        dict: What :func:`make_audio_report` gives, and ``checkpoint``.
        Undefined results are NaN: write it with :func:`write_json`.

    Raises:
        ValueError: See :class:`AudioControlLoop`; or the config has a test
            loop that would be left out.
        RuntimeError: If the checkpoint does not fit the model.
    """
    cfg = copy.deepcopy(cfg)
    loop = dict(cfg.test_cfg)
    if type_name(dict(dict(type='TestLoop'), **loop)) not in (
            'TestLoop', 'AudioControlLoop'):
        raise ValueError(
            f'the config tests by {type_name(loop)}, which AudioControlLoop '
            'would replace. Test without audio conditions, or set '
            "test_cfg=dict(type='TestLoop')")
    given = dict(
        reference=reference, seed=seed, off_screen_groups=off_screen_groups)
    loop.update({k: v for k, v in given.items() if v is not None})
    # before anything is built, so that a wrong name costs no time
    audio_conditions_dataloader(cfg.test_dataloader, conditions,
                                **{k: loop[k] for k in given if k in loop})
    cfg.test_cfg = dict(
        loop,
        type='AudioControlLoop',
        conditions=list(conditions),
        log_table=False)
    if checkpoint is not None:
        cfg.load_from = checkpoint
    require_whole_checkpoint(cfg, allow_keys)
    runner = build_runner(cfg)
    runner.test()
    return dict(runner.test_loop.report, checkpoint=cfg.get('load_from'))
