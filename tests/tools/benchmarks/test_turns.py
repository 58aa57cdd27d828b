# Copyright (c) mmteso contributors. All rights reserved.
import importlib.util

import pytest
from processes import ROOT


@pytest.fixture(scope='module')
def turns():
    spec = importlib.util.spec_from_file_location(
        'turns', ROOT / 'tools' / 'benchmarks' / 'turns.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ways_take_turns(turns):
    """And the ratio is one of samples that were taken side by side."""
    order, clock = [], iter(range(1, 100))

    def way(name, factor):
        order.append(name)
        return turns.Sample(0., factor * next(clock))

    samples = turns.take_turns(
        dict(a=lambda: way('a', 1), b=lambda: way('b', 10)), 3)
    assert order == ['a', 'b'] * 4  # one round to warm up
    assert [sample.cpu for sample in samples['a']] == [3, 5, 7]
    assert turns.ratio(samples, 'b', 'a') == 60 / 5


def test_status_of_a_process(turns):
    sample = turns.measure_python(['-c', 'raise SystemExit(3)'], status=3)
    assert 0 < sample.cpu
    with pytest.raises(RuntimeError, match='No such thing'):
        turns.measure_python(['-c', 'raise KeyError("No such thing")'])


def test_the_page_is_made_of_the_records(turns):
    """By python tools/benchmarks/turns.py."""
    assert turns.page() in (ROOT / 'docs' / 'benchmarks.md').read_text()
