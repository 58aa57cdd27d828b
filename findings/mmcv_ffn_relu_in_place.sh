#!/usr/bin/env bash
# mmcv's feed-forward network copies its gradient four times, because its ReLU
# is in place: onedl-mmcv 2.3.6 with torch 2.13.0.
#
# Input: FFN of mmcv.cnn.bricks.transformer, as the layers of Mask2Former's
#   pixel and transformer decoder have it, on (batch, pixels, channels), with
#   its default act_cfg=dict(type='ReLU', inplace=True), and with another.
# Expected: in place is the cheaper one.
# Seen: a linear layer flattens (batch, pixels) for its product, so that its
#   output is a view; what changes a view in place is undone in the backward
#   pass by copying the whole gradient of what it is a view of: four copies of
#   the widest tensor of the layer. Not in place has the same values, gradients
#   and saved tensors, without copies.
#
# Output (Python 3.11; PIP_EXTRA_INDEX_URL may name the index of torch's CPU
# wheels):
#   inplace=True: 4 copies of the hidden features in the backward pass
#   inplace=False: 0 copies of the hidden features in the backward pass
#   equal: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.2.6
"$folder/venv/bin/python" -m pip install --quiet onedl-mmengine==0.10.12 \
    onedl-mmcv==2.3.6

cat > "$folder/ffn.py" <<'PYTHON'
import torch
from mmcv.cnn.bricks.transformer import FFN
from torch.profiler import ProfilerActivity, profile

gradients = []
for inplace in (True, False):
    torch.manual_seed(0)
    ffn = FFN(embed_dims=16, feedforward_channels=64,
              act_cfg=dict(type='ReLU', inplace=inplace))
    features = torch.randn(2, 10, 16, requires_grad=True)
    output = ffn(features).sum()
    with profile(activities=[ProfilerActivity.CPU],
                 record_shapes=True) as found:
        output.backward()
    copies = sum(event.name == 'aten::copy_'
                 and torch.Size(event.input_shapes[0]).numel() == 2 * 10 * 64
                 for event in found.events())
    print(f'inplace={inplace}: {copies} copies of the hidden features in the '
          'backward pass')
    gradients.append(features.grad)
print('equal:', torch.equal(*gradients))
PYTHON

"$folder/venv/bin/python" -W ignore "$folder/ffn.py" 2> "$folder/errors" \
    | grep -E 'copies|equal' | tee "$folder/seen" \
    || { cat "$folder/errors"; exit 1; }
diff "$folder/seen" - <<'TEXT'
inplace=True: 4 copies of the hidden features in the backward pass
inplace=False: 0 copies of the hidden features in the backward pass
equal: True
TEXT
