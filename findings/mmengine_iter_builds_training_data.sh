#!/usr/bin/env bash
# Asking mmengine's runner for its iteration in a test builds the training
# data set: mmengine 0.10.7 and onedl-mmengine 0.10.12.
#
# Input: a runner with a training and a test set, as every config has them, and
#   a hook that reads `runner.iter` ("int: Current iteration.") in a test, as a
#   hook does that draws or logs.
# Expected: 0, as the property returns without a training loop, and the test
#   set alone is read.
# Seen: 0, but `runner.iter` (and `runner.epoch`) build the training loop, and
#   with it the training set: its files have to be there, and are listed and
#   checked. mmengine's LoggerHook looks at the private `_train_loop` to avoid
#   it. Its CheckpointHook with save_best (in `runner.val()`) and mmseg's
#   SegVisualizationHook (there as well) don't.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   mmengine 0.10.7: iteration 0, data sets built: test, train
#   onedl-mmengine 0.10.12: iteration 0, data sets built: test, train
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/test.py" <<'PYTHON'
import sys

import torch
from mmengine import DATASETS, METRICS
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

built, seen = [], set()


@DATASETS.register_module()
class Numbers(Dataset):

    def __init__(self, split):
        built.append(split)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return float(index)


@METRICS.register_module()
class Count(BaseMetric):

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return dict(count=len(results))


class Model(BaseModel):

    def forward(self, inputs, mode='tensor'):
        return [torch.zeros(())] * len(inputs)

    def test_step(self, data):
        return self(data)


class ReadsIteration(Hook):

    def after_test_iter(self, runner, *args, **kwargs):
        seen.add(runner.iter)


def loader(split):
    return dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='Numbers', split=split))


Runner(
    model=Model(),
    work_dir=sys.argv[1],
    train_dataloader=loader('train'),
    train_cfg=dict(by_epoch=True, max_epochs=1),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
    test_dataloader=loader('test'),
    test_cfg=dict(),
    test_evaluator=dict(type='Count'),
    custom_hooks=[ReadsIteration()],
    log_level='ERROR').test()
print(f'iteration {seen.pop()}, data sets built: {", ".join(built)}')
PYTHON

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet torch==2.13.0 numpy==2.2.6 'setuptools<81' \
    'opencv-python<4.13'
for package in mmengine==0.10.7 onedl-mmengine==0.10.12; do
    "$python" -m pip install --quiet "$package"
    echo "${package/==/ }: $("$python" "$folder/test.py" "$folder/work" \
        2> /dev/null | tail -n 1)"
    "$python" -m pip uninstall --quiet --yes "${package%==*}" 2> /dev/null
done | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
mmengine 0.10.7: iteration 0, data sets built: test, train
onedl-mmengine 0.10.12: iteration 0, data sets built: test, train
TEXT
