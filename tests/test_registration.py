# Copyright (c) mmteso contributors. All rights reserved.
"""What `import mmteso` does, in a fresh interpreter."""
import pytest
from processes import run_python

LOOK_UP = '''
from mmseg.registry import (DATASETS, HOOKS, LOOPS, METRICS, MODELS,
                            OPTIM_WRAPPERS, TRANSFORMS)
for registry, name in ((LOOPS, 'AudioControlLoop'), (MODELS, 'TeSOHead'),
                       (HOOKS, 'RandomStateHook'), (METRICS, 'AVSMetric'),
                       (DATASETS, 'AVSBenchDataset'),
                       (TRANSFORMS, 'PackAVTInputs'),
                       (OPTIM_WRAPPERS, 'CPUAmpOptimWrapper'),
                       (MODELS, 'Mask2FormerHead')):
    assert registry.get(name) is not None, name
'''


@pytest.mark.parametrize('before', [
    'import mmteso; import mmdet.models',
    # looked up before, as far as it is there without compiled ops
    'from mmseg.registry import HOOKS; HOOKS.get("none"); import mmteso',
])
def test_registries_find_everything(before):
    """Whatever of mmseg was imported before."""
    run_python(f'{before}\n{LOOK_UP}')


@pytest.mark.parametrize('code', [
    'import mmteso; import mmengine.runner',
    'import mmteso; from mmengine.runner.checkpoint import CheckpointLoader',
    'import mmengine.runner, mmteso',
])
def test_loaders_run_nothing_from_the_start(code):
    """Before anything of mmteso was looked up."""
    run_python(f'''
{code}
from mmengine.runner.checkpoint import CheckpointLoader, _safe_torch_load
loaders = {{CheckpointLoader._get_checkpoint_loader(name)
            for name in ('a.pth', 'https://a/b.pth')}}
assert {{loader.__module__ for loader in loaders}} == {{
    'mmteso.io.weight_hosts'}}, loaders
assert _safe_torch_load.__module__ == 'mmteso.io.weight_hosts'
''')


def test_import_mmteso():
    """It loads nothing of what it builds upon, until it is needed."""
    run_python('''
import sys
import mmteso
assert not {'torch', 'mmengine', 'mmseg', 'transformers'} & set(sys.modules)
assert not hasattr(mmteso, 'no_such_room')
# mmengine's own registries find it, as when a runner builds
from mmengine.registry import MODELS, init_default_scope
init_default_scope('mmseg')
assert MODELS.build(dict(type='HashTextEncoder', embed_dims=8))
assert mmteso.engine.AudioControlLoop
''')
