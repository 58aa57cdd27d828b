# Copyright (c) mmteso contributors. All rights reserved.
"""The shell scripts around train.py and test.py; what a job does is in
test_train_and_test.py."""
import os

import pytest
from processes import ROOT, run

TOOLS = ROOT / 'tools'
# the arguments that each cannot do without
LAUNCHERS = {
    'dist_train.sh': ['config.py', '2'],
    'dist_test.sh': ['config.py', 'model.pth', '2'],
    'slurm_train.sh': ['part', 'job', 'config.py'],
    'slurm_test.sh': ['part', 'job', 'config.py', 'model.pth'],
}
RECORDER = '#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n'


@pytest.mark.parametrize('name', LAUNCHERS)
def test_usage(name):
    for given in range(len(LAUNCHERS[name])):
        result = run(['bash', TOOLS / name, *LAUNCHERS[name][:given]],
                     check=False)
        assert result.returncode == 2
        assert result.stderr.startswith('Usage: ')
        # nothing was started, nor did the shell stumble over a variable
        assert len(result.stderr.splitlines()) == 1
        assert not result.stdout
    assert (TOOLS / name).stat().st_mode & 0o111


@pytest.mark.parametrize('name', LAUNCHERS)
def test_command(name, tmp_path):
    """PYTHON runs the tool; options with spaces reach it in one piece."""
    recorder = tmp_path / ('srun' if 'slurm' in name else 'my python')
    recorder.write_text(RECORDER, encoding='utf-8')
    recorder.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ['PATH']])
    python = str(tmp_path / 'my python')
    output = run(['bash', TOOLS / name, *LAUNCHERS[name], '--x', 'a b'],
                 PATH=path, PYTHON=python).stdout.splitlines()
    launcher = 'slurm' if 'slurm' in name else 'pytorch'
    assert output[-4:] == ['--launcher', launcher, '--x', 'a b']
    tool = name.split('_')[1].replace('.sh', '.py')
    at = output.index(str(TOOLS / tool))
    positional = [word for word in LAUNCHERS[name]
                  if word.startswith(('con', 'mod'))]
    assert output[at + 1:-4] == positional
    if launcher == 'slurm':
        assert output[at - 2:at] == [python, '-u']
        assert output[:3] == ['-p', 'part', '--job-name=job']
    else:
        # behind what makes yapf's cache
        assert output[2:4] == ['-m', 'torch.distributed.run']
        assert '--nproc_per_node=2' in output
