# Copyright (c) mmteso contributors. All rights reserved.

import pytest
from processes import call_tool

from data import make_synthavs_index
from mmteso.datasets import AVSBenchV3Dataset
from mmteso.testbeds.synthavs import CLASSES

TOOL = 'dataset_converters/prepare_synthavs_v3.py'
HELD_OUT = ('green-square', 'pink-flower')  # the tool's own choice


@pytest.fixture
def root(tmp_path):
    clips = [('red-disc', 'red-disc')] * 10 + [
        (name, name) for name in HELD_OUT for _ in range(6)]
    return make_synthavs_index(tmp_path / 'synthavs', clips, CLASSES)


def test_the_data_set_reads_them(root, capsys):
    call_tool(TOOL, root)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'meta_v3_seen.csv: 10 clips'
    assert lines[-2:] == ['v3_5_shot/train.csv: 10 clips',
                          'v3_5_shot/test.csv: 2 clips']
    dataset = AVSBenchV3Dataset(
        root, '3-shot', 'train', metainfo=dict(classes=CLASSES),
        check_files=False, frames_per_clip=2, serialize_data=False)
    objects = [dataset.get_data_info(i)['a_obj'] for i in range(len(dataset))]
    assert sorted(objects) == [(name, ) for name in HELD_OUT
                               for _ in range(3 * 2)]


def test_errors_in_one_line(root, tmp_path, capsys):
    for words, message in (((tmp_path, ), 'holds no SynthAVS'),
                           ((root, '--unseen', 'dog'), "but got ['dog']")):
        with pytest.raises(SystemExit) as stop:
            call_tool(TOOL, *words)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    call_tool(TOOL, root, '--list-dir', 'lists')
    call_tool(TOOL, root, '--list-dir', 'lists', '--overwrite')
