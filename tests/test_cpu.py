# Copyright (c) mmteso contributors. All rights reserved.
import sys

import pytest
from processes import run_python

from mmteso import cpu

if sys.platform != 'linux':
    pytest.skip('Linux only', allow_module_level=True)


@pytest.fixture
def fresh(monkeypatch):
    """As before torch is imported, on a machine without a GPU."""
    monkeypatch.delitem(sys.modules, 'torch', raising=False)
    monkeypatch.setattr(cpu, 'GPU_DEVICES', ())
    monkeypatch.setattr(cpu, 'chosen', {})


def relaxed(**environ):
    cpu.relax_idle_threads(environ)
    return environ


def test_what_is_chosen(fresh):
    assert relaxed() == dict(GOMP_SPINCOUNT='1000')
    assert relaxed(OMP_NUM_THREADS='2')['GOMP_SPINCOUNT'] == '1000'


@pytest.mark.parametrize('environ', [
    dict(OMP_WAIT_POLICY='ACTIVE'), dict(GOMP_SPINCOUNT='5'),
    dict(KMP_BLOCKTIME='0'), dict(OMP_NUM_THREADS='1')])
def test_a_user_has_chosen(fresh, environ):
    assert relaxed(**environ) == environ
    assert not cpu.chosen


def test_with_a_gpu(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, 'GPU_DEVICES', (str(tmp_path), ))
    assert relaxed() == {}


def test_after_torch(fresh, monkeypatch):
    """It has read the environment."""
    monkeypatch.setitem(sys.modules, 'torch', object())
    assert relaxed() == {}


@pytest.mark.skipif(
    any(map(cpu.osp.exists, cpu.GPU_DEVICES)),
    reason='a machine with a GPU')
def test_the_log_says_it():
    said = run_python(
        'import os; os.environ["OMP_NUM_THREADS"] = "2"\n'
        'from mmteso.cpu import *\n'
        'for name in SETTINGS: os.environ.pop(name, None)\n'
        'relax_idle_threads(); log_idle_threads()\n'
        'import mmteso.models')
    assert said.stdout.count('GOMP_SPINCOUNT=1000') == 1


@pytest.mark.parametrize('words', [
    ['train'], ['test'], ['infer', 'clip.mp4', '--config']])
def test_tools_choose_before_torch(words):
    tool, *options = words
    said = run_python(
        'import runpy, sys, mmteso.cpu as cpu\n'
        'cpu.relax_idle_threads = lambda: sys.exit("torch" in sys.modules)\n'
        f'sys.argv = {[tool, *options, __file__]}\n'
        f'runpy.run_path("tools/{tool}.py", run_name="__main__")\n', False)
    assert said.returncode == 0, said.stderr
    assert 'usage' not in said.stderr


@pytest.mark.parametrize('settings, kept', [
    ({}, True), (dict(MALLOC_ARENA_MAX='2'), False)])
def test_freed_memory_is_kept(settings, kept):
    """The second of two buffers of 128 MB comes without page faults."""
    said = run_python(
        'import resource, numpy, mmteso.cpu as cpu\n'
        f'cpu.GPU_DEVICES = (); cpu.keep_freed_memory({settings})\n'
        'faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n'
        'numpy.ones(2**24)\n'
        'start = faults(); numpy.ones(2**24); print(faults() - start)')
    faults = int(said.stdout)
    assert (faults < 10) == kept
