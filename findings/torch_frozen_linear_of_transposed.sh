#!/usr/bin/env bash
# torch multiplies a transposed batch with a linear layer's weight one item at
# a time as soon as the weight is frozen: torch 2.13.0.
#
# Input: a linear layer with a bias on (keys, batch, channels) that is a
#   transposed (batch, keys, channels), which is how mmcv's MultiheadAttention
#   (batch_first=True, so any Mask2Former of mmdet) calls torch's; its weight
#   trains, or is frozen as with adapters and LoRA.
# Expected: the same product in both cases. What is frozen costs less.
# Seen: with a weight that trains, one matrix product. With a frozen one the
#   weight is expanded to one for each key, and a batched product goes through
#   them, on the CPU as that many small products: 2,304 of 2 x 256 by 256 x 256
#   for the finest level of a 384 x 384 picture. That holds without gradients,
#   too. Contiguous inputs are multiplied at once either way, so a copy of the
#   input (freeze() in mmteso/models/adapters/freezing.py) is the cure.
#
# Output (Python 3.11; PIP_EXTRA_INDEX_URL may name the index of torch's CPU
# wheels):
#   transposed, weight trains: aten::mm [4608, 256] x [256, 256]
#   transposed, weight frozen: aten::bmm [2304, 2, 256] x [2304, 256, 256]
#   contiguous, weight trains: aten::addmm [4608, 256] x [256, 256]
#   contiguous, weight frozen: aten::addmm [4608, 256] x [256, 256]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.2.6

cat > "$folder/linear.py" <<'PYTHON'
import torch
from torch.profiler import ProfilerActivity, profile

batch = torch.randn(2, 2304, 256).transpose(0, 1)
for layout, keys in (('transposed', batch), ('contiguous',
                                             batch.contiguous())):
    for state in ('trains', 'frozen'):
        layer = torch.nn.Linear(256, 256)
        layer.requires_grad_(state == 'trains')
        with torch.no_grad(), profile(
                activities=[ProfilerActivity.CPU],
                record_shapes=True) as found:
            layer(keys)
        product = next(event for event in found.key_averages(
            group_by_input_shape=True) if event.key in (
                'aten::mm', 'aten::bmm', 'aten::addmm'))
        left, right = [shape for shape in product.input_shapes
                       if len(shape) > 1][:2]
        print(f'{layout}, weight {state}: {product.key} {left} x {right}')
PYTHON

"$folder/venv/bin/python" -W ignore "$folder/linear.py" 2> "$folder/errors" \
    | tee "$folder/seen" || { cat "$folder/errors"; exit 1; }
diff "$folder/seen" - <<'TEXT'
transposed, weight trains: aten::mm [4608, 256] x [256, 256]
transposed, weight frozen: aten::bmm [2304, 2, 256] x [2304, 256, 256]
contiguous, weight trains: aten::addmm [4608, 256] x [256, 256]
contiguous, weight frozen: aten::addmm [4608, 256] x [256, 256]
TEXT
