#!/usr/bin/env bash
# mmseg's binary cross entropy of one channel fails on a batch without any
# label: onedl-mmsegmentation 1.4.2.
#
# Input: CrossEntropyLoss(use_sigmoid=True, avg_non_ignore=True), and frames
#   whose labels are all 255, the ignore index: later frames of a clip of
#   AVSBench's single-source set, of which the first alone has a mask, or crops
#   of nothing but an ignored border.
# Expected: 0 with a gradient of 0, as the same loss gives for two channels,
#   and as the softmax loss gives: nothing is labelled, nothing is learnt.
# Seen: with one channel (a head with out_channels=1) a RuntimeError about
#   max(): before the loss, the largest label that isn't ignored is looked up,
#   and there is none. One such batch ends a training.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   sigmoid, 1 channels: RuntimeError about max()
#   sigmoid, 2 channels: 0.0
#   softmax, 2 channels: 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.2.6
"$folder/venv/bin/python" -m pip install --quiet \
    onedl-mmsegmentation==1.4.2 onedl-mmengine==0.10.12 onedl-mmcv==2.3.6 \
    onedl-mmdetection==3.5.1 ftfy==6.3.1 regex

cat > "$folder/loss.py" <<'PYTHON'
import torch
from mmseg.models.losses import CrossEntropyLoss

for kind, channels in (('sigmoid', 1), ('sigmoid', 2), ('softmax', 2)):
    loss = CrossEntropyLoss(use_sigmoid=kind == 'sigmoid', avg_non_ignore=True)
    try:
        seen = loss(
            torch.zeros(2, channels, 4, 4),
            torch.full((2, 4, 4), 255),
            ignore_index=255).item()
    except RuntimeError as error:
        seen = 'RuntimeError about ' + str(error).split(':')[0]
    print(f'{kind}, {channels} channels: {seen}')
PYTHON

"$folder/venv/bin/python" -W ignore "$folder/loss.py" 2> "$folder/errors" \
    | grep channels | tee "$folder/seen" || { cat "$folder/errors"; exit 1; }
diff "$folder/seen" - <<'TEXT'
sigmoid, 1 channels: RuntimeError about max()
sigmoid, 2 channels: 0.0
softmax, 2 channels: 0.0
TEXT
