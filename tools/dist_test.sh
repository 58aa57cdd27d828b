#!/usr/bin/env bash
# Test with several processes on this machine (GPUs, or CPU through gloo):
#   tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [options of test.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT.
# PYTHON: the interpreter.
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "Usage: $0 CONFIG CHECKPOINT NUM_PROCESSES [options of test.py]" >&2
    exit 2
fi

CONFIG=$1
CHECKPOINT=$2
GPUS=$3
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
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
