# Copyright (c) mmteso contributors. All rights reserved.
"""A test loop over several audio conditions."""
import copy
import os.path as osp
from typing import Any, Dict, List, Optional, Sequence, Union

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, TestLoop
from mmengine.runner.amp import autocast
from mmseg.registry import LOOPS
from torch.nn.parallel import DataParallel, DistributedDataParallel

from mmteso.datasets.transforms import condition_samples
from mmteso.io import write_json
from .audio_condition import (AUDIO_CONDITIONS, audio_conditions_dataloader,
                              output_key)
from .audio_report import flat_scores, format_audio_report, make_audio_report
from .sound_steps import dataset_configs, type_name


@LOOPS.register_module()
class AudioControlLoop(TestLoop):
    """Tests a model with its sound replaced, the picture unchanged.

    The paper's audio control (table 4): whoever listens can't segment the
    same objects when the sound is gone. All conditions are tested in one pass
    over the data: a frame is read once and looked at once, whatever the number
    of its sounds (:meth:`AudioTextSegmentor.predict_conditions`), and the
    results are those of as many separate tests. A model without a method
    ``test_conditions_step`` takes a whole ``test_step`` for each condition,
    and so does one in a wrapper other than DDP.

    In a config:

    .. code-block:: python

        test_cfg = dict(type='AudioControlLoop', conditions=['normal', 'mute'])

    Each condition has an evaluator of its own. Hooks are called once per
    batch and get the predictions under the first condition; those that have a
    method ``after_test_condition(runner, condition, outputs)`` get the others'
    by it. What a run returns, and what hooks find as metrics, is flat: see
    :func:`flat_scores`; :attr:`report` has it in order.

    Args:
        runner (Runner): The runner.
        dataloader (dict): Config of the test dataloader. Its data sets'
            pipelines must load the sound by ``LoadAudioClip``, or from
            ``LoadAudioFeatures`` (see :func:`insert_audio_conditions`).
        evaluator (Evaluator | dict | list): Built once per condition. Where
            a metric has an ``output_dir``, each condition gets a folder of its
            name in it, and where it has an ``out_file_path`` a file of its
            own, 'results.mute.pkl' for 'results.pkl'.
        conditions (Sequence[str]): See :func:`audio_condition_transform`.
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
        out_file (str, optional): JSON file for the report. Defaults to None.

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
                 evaluator: Union[Evaluator, dict, list],
                 conditions: Sequence[str] = AUDIO_CONDITIONS,
                 reference: str = 'snr',
                 seed: int = 0,
                 off_screen_groups: Optional[str] = None,
                 fp16: bool = False,
                 log_table: bool = True,
                 out_file: Optional[str] = None) -> None:
        if not isinstance(dataloader, dict):
            raise TypeError(
                'AudioControlLoop inserts its conditions into the pipelines '
                'of the dataloader\'s config, but got a '
                f'{type(dataloader).__name__}, which is built already')
        self.conditions = list(conditions)
        self.facts = dict(
            reference=reference,
            seed=seed,
            off_screen_groups=off_screen_groups)
        dataloader = audio_conditions_dataloader(dataloader, self.conditions,
                                                 **self.facts)
        self._sound_inputs = _sound_inputs(dataloader)
        first, *others = self.conditions
        evaluators = {
            name: self._evaluator_of(evaluator, name)
            for name in self.conditions
        }
        super().__init__(runner, dataloader, evaluators[first], fp16)
        self.evaluators: Dict[str, Evaluator] = {first: self.evaluator}
        for name in others:
            other = evaluators[name]
            if not isinstance(other, Evaluator):
                other = runner.build_evaluator(other)
            other.dataset_meta = self.evaluator.dataset_meta
            self.evaluators[name] = other
        self.log_table = log_table
        self.out_file = out_file
        self.report: Dict[str, Any] = {}

    def _evaluator_of(self, evaluator: Any, condition: str) -> Any:
        """A condition's own evaluator, built or not."""
        evaluator = copy.deepcopy(evaluator)
        if isinstance(evaluator, Evaluator):
            metrics = evaluator.metrics
        else:
            metrics = evaluator if isinstance(evaluator,
                                              (list, tuple)) else [evaluator]
        for metric in metrics:
            known = metric if isinstance(metric, dict) else vars(metric)
            own = {}
            if known.get('output_dir'):
                own['output_dir'] = osp.join(known['output_dir'], condition)
            if known.get('out_file_path'):  # DumpResults
                stem, suffix = osp.splitext(known['out_file_path'])
                own['out_file_path'] = f'{stem}.{condition}{suffix}'
            known.update(own)
        return evaluator

    def run(self) -> Dict[str, float]:
        """Test all conditions.

        Returns:
            dict[str, float]: See :func:`flat_scores`.
        """
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
        metrics = [_describe_metrics(self.evaluator)]
        broadcast_object_list(metrics)
        self.report = make_audio_report(
            results, metrics=metrics[0], **self.facts)
        if is_main_process():
            if self.log_table:
                print_log(
                    '\n' + format_audio_report(self.report), logger='current')
            if self.out_file is not None:
                write_json(self.report, self.out_file)
        metrics = flat_scores(self.report)
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Test a batch under all conditions.

        Args:
            idx (int): Number of the batch.
            data_batch (dict): From the dataloader.
        """
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
        inner = model
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            inner = model.module
        if not is_model_wrapper(inner) and hasattr(inner,
                                                   'test_conditions_step'):
            return inner.test_conditions_step(data_batch)
        return [
            model.test_step(
                one_condition(data_batch, index, self._sound_inputs))
            for index in range(len(self.conditions))
        ]


def one_condition(data_batch: dict, index: int,
                  sound_inputs: Sequence[str]) -> dict:
    """A batch with one of the sounds of each frame.

    Args:
        data_batch (dict): ``inputs``, a dict of lists or tensors by name, and
            ``data_samples``, from a pipeline with
            :class:`FanOutAudioConditions`.
        index (int): Which sound.
        sound_inputs (Sequence[str]): Names of the inputs with a sound axis.

    Returns:
        dict: The batch as a pipeline with this condition alone gives it.

    Raises:
        TypeError: If ``inputs`` is not a dict, or views of test-time
            augmentation.
    """
    inputs = data_batch['inputs']
    if not isinstance(inputs, dict):
        raise TypeError(
            "expected a batch whose 'inputs' are a dict by modality, as "
            f'PackAVTInputs makes it, but got a {type(inputs).__name__}: test '
            'this model under one audio condition at a time')
    chosen = {
        name: [sound[index] for sound in value]
        if name in sound_inputs else value
        for name, value in inputs.items()
    }
    return dict(
        data_batch,
        inputs=chosen,
        data_samples=condition_samples(data_batch['data_samples'], index))


def _sound_inputs(dataloader: dict) -> List[str]:
    """Names of the inputs that the pipelines give a sound axis."""
    return sorted({
        output_key(step)
        for dataset in dataset_configs(dataloader['dataset'])
        for fan_out in dataset['pipeline']
        if type_name(fan_out) == 'FanOutAudioConditions'
        for step in fan_out['front_end']
    })


def _describe_metrics(evaluator: Evaluator) -> List[str]:
    """Protocol and threshold of each metric that can tell them."""
    return [
        f'{type(metric).__name__}: ' +
        (metric.describe() if hasattr(metric, 'describe') else
         'see its documentation for the protocol')
        for metric in evaluator.metrics
    ]
