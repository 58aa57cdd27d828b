# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import pytest
import torch
from processes import ROOT, call_tool

SWIN = ROOT / 'configs' / 'teso' / 'teso_swin-b_v1m.py'


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool in an empty folder; its status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))

    def run(*arguments):
        try:
            call_tool('prepare_weights.py', *arguments)
            status = 0
        except SystemExit as error:
            status = error.code
        return (status, *capsys.readouterr())

    return run


def test_check(run, tmp_path):
    status, out, _ = run(SWIN, '--check')
    assert status == 1
    for text in ('vggish-10086976.pth', 'CC BY-NC-SA 4.0'):
        assert text in out
    content = b'weights'
    digest = hashlib.sha256(content).hexdigest()
    config = tmp_path / 'config.py'
    config.write_text("model = dict(init_cfg=dict(type='Pretrained', "
                      "checkpoint='vggish-10086976.pth'))\n")
    path = tmp_path / 'vggish-10086976.pth'
    path.write_bytes(content)
    # a wrong file stays where it is: it may be somebody's own
    for option in ([], ['--check']):
        status, out, _ = run(config, *option)
        assert status == 1 and path.read_bytes() == content
    assert f'SHA-256 {digest}, but 10086976... is expected' in out
    path.rename(tmp_path / 'own.pth')
    status, out, _ = run(config, '--check', '--cfg-options',
                         'model.init_cfg.checkpoint=own.pth')
    assert status == 0 and f'SHA-256 {digest}, not known' in out
    status, _, errors = run('none.py')
    assert status == 2 and 'none.py' in errors
