# Copyright (c) mmteso contributors. All rights reserved.
"""That the benchmark measures what it says; how fast, it tells people."""
import os
import runpy
from types import SimpleNamespace

import pytest
from chat_server import ChatServer
from processes import ROOT

from mmteso.testbeds.synthavs import generate_synthavs

pytest.importorskip('httpx')
pytest.importorskip('inflect')

QUICK = ['--frames', '10', '--batch-size', '4', '--repeat', '1']


@pytest.fixture(scope='module')
def tool():
    return SimpleNamespace(
        **runpy.run_path(
            str(ROOT / 'tools' / 'benchmarks' / 'cue_pipeline.py')))


def rows(output):
    """The table's rows as lists of words."""
    lines = [line for line in output.splitlines() if line.startswith('|')]
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in lines]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


def test_all_sources_and_reasoners(tool, tmp_path, capsys):
    data = tmp_path / 'synthavs'
    generate_synthavs(str(data), videos=13, frames=2, size=32)
    work_dir = tmp_path / 'work_dirs'
    with ChatServer() as server:
        tool.main([
            *QUICK, '--data-root', str(data), '--sizes', '40x30',
            '--base-url', server.url, '--work-dir', str(work_dir)
        ])
        # 3 sources, with and without overlap; the server is tried out first
        assert len(server.requests) == 3 * 2 * (1 + 10)
    output = capsys.readouterr().out
    assert 'SynthAVS: 26 frames listed' in output and ' cores' in output
    table = rows(output)
    sources = ['none', 'SynthAVS 32x32', 'JPEG 40x30, 1 kB']
    assert [(row['images'], row['reasoner'], row['overlap'])
            for row in table] == [(source, *run) for source in sources
                                  for run in [('in process', 'no'),
                                              ('server', 'no'),
                                              ('server', 'yes')]]
    for row in table:
        assert float(row['frames/s']) > 0
        total = float(row['ms/frame'])
        assert total > 0 and float(row['reason']) <= total
        assert (row['reading alone'] == '-') == (row['images'] == 'none')
    assert not os.listdir(work_dir)


def test_a_rate_can_be_required(tool, tmp_path, capsys):
    arguments = [*QUICK, '--data-root', '', '--sizes', '--work-dir',
                 str(tmp_path)]
    tool.main([*arguments, '--require', '0.001'])
    output = capsys.readouterr().out
    assert len(rows(output)) == 1
    assert 'OpenAIReasoner is left out' in output
    with pytest.raises(SystemExit, match='less than 1e[+]09'):
        tool.main([*arguments, '--require', '1e9'])


def test_failed_frames_are_no_result(tool, tmp_path):
    """A server that answers at once with errors would look fast."""
    arguments = [*QUICK, '--data-root', '', '--sizes', '--work-dir',
                 str(tmp_path)]
    with ChatServer('status:400') as server:
        with pytest.raises(SystemExit, match='10 failed.*HTTP 400'):
            tool.main([*arguments, '--base-url', server.url])
    with pytest.raises(SystemExit, match='ModelUnavailableError: .*no-such'):
        with ChatServer() as server:
            tool.main([
                *arguments, '--base-url', server.url, '--model', 'no-such'
            ])


def test_images_reach_the_captioner(tool, tmp_path):
    captioner = tool.InstantCaptioner()
    frame = SimpleNamespace(key=('a', 0))
    with pytest.raises(RuntimeError, match='0 images'):
        captioner.caption([SimpleNamespace(frame=frame, images=())])


@pytest.mark.parametrize('arguments, message', [
    (['--sizes', '40'], "'40' is no size"),
    (['--sizes', '40x0'], "'40x0' is no size"),
    (['--frames', '0'], '--frames must be at least 1'),
    (['--data-root', 'no/such'], 'prepare_synthavs.py no/such'),
])
def test_arguments(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool.main(arguments)
    assert message in capsys.readouterr().err
