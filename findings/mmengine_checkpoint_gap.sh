#!/usr/bin/env bash
# mmengine's CheckpointHook removes the last checkpoint before it writes the
# next one: mmengine 0.10.7 and onedl-mmengine 0.10.12.
#
# Input: training with `max_keep_ckpts=1`, as configs have it whose checkpoints
#   are large, and a look into the work directory from a hook's
#   `before_save_checkpoint` at the second save.
# Expected: the first checkpoint is there until the second one is complete, so
#   that a process killed in between (a time limit, a full disk) can resume.
# Seen: there is none, and `last_checkpoint` names the file that was removed.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   mmengine 0.10.7: checkpoints [], last_checkpoint iter_1.pth
#   onedl-mmengine 0.10.12: checkpoints [], last_checkpoint iter_1.pth
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/train.py" <<'PYTHON'
import os
import sys

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

work = sys.argv[1]


class Model(BaseModel):

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, mode='tensor'):
        return dict(loss=self.layer(x).mean())


class Looks(Hook):

    def before_save_checkpoint(self, runner, checkpoint):
        if runner.iter == 1:
            found = [name for name in os.listdir(work)
                     if name.endswith('.pth')]
            with open(os.path.join(work, 'last_checkpoint')) as file:
                last = os.path.basename(file.read())
            print(f'checkpoints {found}, last_checkpoint {last}')


Runner(
    Model(),
    work,
    train_dataloader=DataLoader([dict(x=torch.ones(1))] * 2),
    train_cfg=dict(by_epoch=False, max_iters=2),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
    default_hooks=dict(
        checkpoint=dict(
            type='CheckpointHook', interval=1, by_epoch=False,
            max_keep_ckpts=1)),
    custom_hooks=[Looks()],
    log_level='ERROR').train()
PYTHON

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet torch==2.13.0 numpy==2.2.6 'setuptools<81' \
    'opencv-python<4.13'
for package in mmengine==0.10.7 onedl-mmengine==0.10.12; do
    "$python" -m pip install --quiet "$package"
    echo "${package/==/ }: $("$python" "$folder/train.py" \
        "$folder/${package%==*}" 2> /dev/null | grep checkpoints)"
    "$python" -m pip uninstall --quiet --yes "${package%==*}" 2> /dev/null
done | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
mmengine 0.10.7: checkpoints [], last_checkpoint iter_1.pth
onedl-mmengine 0.10.12: checkpoints [], last_checkpoint iter_1.pth
TEXT
