#!/usr/bin/env bash
# Test through Slurm:
#   GPUS=8 GPUS_PER_NODE=8 tools/slurm_test.sh \
#       PARTITION JOB CONFIG CHECKPOINT [options]
# PYTHON: the interpreter on the nodes; SRUN_ARGS: further options of srun.
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "Usage: $0 PARTITION JOB CONFIG CHECKPOINT [options of test.py]" >&2
    exit 2
fi

set -x  # the job log says what was started
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
GPUS=${GPUS:-4}
GPUS_PER_NODE=${GPUS_PER_NODE:-4}
CPUS_PER_TASK=${CPUS_PER_TASK:-5}
TOOLS=$(cd "$(dirname "$0")" && pwd)

# Once, before processes that start together read it half written; the nodes'
# interpreter may be on the nodes alone.
"${PYTHON:-python}" -c 'import yapf.yapflib.yapf_api' || true

# SRUN_ARGS holds several options, so it is split on purpose
# shellcheck disable=SC2086
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" \
srun -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    --gres="gpu:$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="$CPUS_PER_TASK" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm \
        "${@:5}"
