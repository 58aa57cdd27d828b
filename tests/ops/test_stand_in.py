# Copyright (c) mmteso contributors. All rights reserved.
"""Import orders and distributions; each in a fresh interpreter."""
import importlib.util
import sys

import pytest
import torch
from processes import run_python

from mmteso.ops import ExtensionStandIn, is_stand_in

needs_stand_in = pytest.mark.skipif(
    not is_stand_in(), reason='mmcv has compiled ops')

# A "compiled" extension: any module of this name that mmcv can import.
FAKE_EXTENSION = '''
import importlib.machinery, sys, types
class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return lambda *args, **kwargs: 'compiled ' + name
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'mmcv._ext':
            return importlib.machinery.ModuleSpec(name, Finder)
    create_module = staticmethod(lambda spec: Fake(spec.name))
    exec_module = staticmethod(lambda module: {exec})
sys.meta_path.insert(0, Finder)
'''


@needs_stand_in
def test_everything_imports_after_mmteso():
    """What doesn't import mmseg.models may be imported before."""
    output = run_python('''
import mmengine.runner, mmseg.registry, mmcv.cnn, mmcv.transforms
import mmteso
import mmseg.apis, mmseg.models, mmdet.models
from mmseg.models.decode_heads import Mask2FormerHead
from mmdet.models.dense_heads import Mask2FormerHead as DetHead
from mmseg.models.decode_heads.cc_head import CrissCrossAttention
assert issubclass(Mask2FormerHead, DetHead)
assert CrissCrossAttention is not None
print('ok')
''')
    assert output.stdout.endswith('ok\n')


@needs_stand_in
def test_wrong_order_is_one_clear_error():
    """Whether the first import fails or leaves hollow classes."""
    output = run_python(
        '''
try:
    import mmseg.apis
except ImportError as error:
    assert '_ext' in str(error), error
import mmteso
''',
        check=False)
    assert output.returncode == 1
    message = output.stderr.strip().splitlines()[-1]
    assert message.startswith('ImportError: mmseg.models was imported before '
                              'mmteso')
    assert '`import mmteso` first' in message


def test_compiled_extension_is_used():
    """The stand-in steps aside, and no order is wrong."""
    if importlib.util.find_spec('mmcv._ext') and not is_stand_in():
        extension = ''
    else:
        extension = FAKE_EXTENSION.replace('{exec}', 'None')
    output = run_python(f'''
{extension}
import mmseg.models
import mmteso, mmdet.models, sys
from mmteso.ops import ExtensionStandIn, install, is_stand_in
assert not is_stand_in()
assert not isinstance(sys.modules['mmcv._ext'], ExtensionStandIn)
assert install() is None
from mmcv.ops.multi_scale_deform_attn import ext_module
print('ok', ext_module.__name__)
''')
    assert output.stdout.endswith('ok mmcv._ext\n')


def test_compiled_extension_that_does_not_load():
    broken = ("(_ for _ in ()).throw(ImportError('undefined symbol: "
              "_ZN2at4_ops'))")
    output = run_python(FAKE_EXTENSION.replace('{exec}', broken) +
                        '\nimport mmteso, mmcv.ops', check=False)
    message = output.stderr.strip().splitlines()[-1]
    assert message.startswith('ImportError: mmcv has a compiled extension')
    assert 'undefined symbol' in message and 'another torch' in message


@needs_stand_in
def test_other_ops_raise_when_called():
    from mmcv.ops import nms
    with pytest.raises(RuntimeError, match='mmcv op "nms" was called.*'
                       'To get the compiled ops, build mmcv'):
        nms(torch.rand(2, 4), torch.rand(2), 0.5)


@needs_stand_in
def test_it_looks_like_a_module():
    from mmcv.utils import collect_env
    module = sys.modules['mmcv._ext']
    assert isinstance(module, ExtensionStandIn)
    # mmengine looks for it by spec, and logs mmcv's report at each run
    assert importlib.util.find_spec('mmcv._ext') is module.__spec__
    assert 'mmteso' in collect_env()['MMCV Compiler']
    assert hasattr(module, 'roi_align_forward')
    assert not hasattr(module, '__wrapped__')
