#!/usr/bin/env bash
# mmseg's softmax loss takes class weights, or the mean over labelled pixels,
# not both: onedl-mmsegmentation 1.4.2.
#
# Input: CrossEntropyLoss(class_weight=[1., 1.], avg_non_ignore=True), and
#   labels of two images, all of them valid or some 255, the ignore index: what
#   one sets where background is most of a frame and some frames, or borders,
#   have no label, as in AVSBench.
# Expected: with weights of 1 the value without weights, ln 2 = 0.6931 for
#   logits of 0.
# Seen: an IndexError for each batch, whether any pixel is ignored or not: the
#   weights of the pixels are a flat list of those that are labelled, and the
#   mask of ignored pixels that then indexes it has the shape of the images.
#   Either option alone works. (mmsegmentation 1.2.2 has another way to fail,
#   as soon as a pixel is ignored: it looks up the weight of class 255.)
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   labels 0, avg_non_ignore: 0.6931
#   labels 0, class_weight: 0.6931
#   labels 0, both: IndexError
#   labels 0 and 255, avg_non_ignore: 0.6931
#   labels 0 and 255, class_weight: 0.6931
#   labels 0 and 255, both: IndexError
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

OPTIONS = {
    'avg_non_ignore': dict(avg_non_ignore=True),
    'class_weight': dict(class_weight=[1., 1.]),
    'both': dict(class_weight=[1., 1.], avg_non_ignore=True),
}
all_labelled = torch.zeros(2, 4, 4, dtype=torch.long)
some_ignored = all_labelled.clone()
some_ignored[:, 0] = 255
for name, labels in (('0', all_labelled), ('0 and 255', some_ignored)):
    for option, arguments in OPTIONS.items():
        try:
            loss = CrossEntropyLoss(**arguments)(
                torch.zeros(2, 2, 4, 4), labels, ignore_index=255)
            seen = f'{loss.item():.4f}'
        except IndexError:
            seen = 'IndexError'
        print(f'labels {name}, {option}: {seen}')
PYTHON

"$folder/venv/bin/python" -W ignore "$folder/loss.py" 2> "$folder/errors" \
    | grep ^labels | tee "$folder/seen" || { cat "$folder/errors"; exit 1; }
diff "$folder/seen" - <<'TEXT'
labels 0, avg_non_ignore: 0.6931
labels 0, class_weight: 0.6931
labels 0, both: IndexError
labels 0 and 255, avg_non_ignore: 0.6931
labels 0 and 255, class_weight: 0.6931
labels 0 and 255, both: IndexError
TEXT
