#!/usr/bin/env bash
# Train with several processes on this machine (GPUs, or CPU through gloo):
#   tools/dist_train.sh CONFIG NUM_PROCESSES [options of train.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT.
# PYTHON: the interpreter.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "Usage: $0 CONFIG NUM_PROCESSES [options of train.py]" >&2
    exit 2
fi

CONFIG=$1
GPUS=$2
TOOLS=$(cd "$(dirname "$0")" && pwd)

# Once, before processes that start together read it half written.
"${PYTHON:-python}" -c 'import yapf.yapflib.yapf_api'

PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" \
"${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/train.py" "$CONFIG" --launcher pytorch "${@:3}"
