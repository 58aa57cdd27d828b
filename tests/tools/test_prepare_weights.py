# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import pytest
import torch
from processes import ROOT, exit_status

SWIN = ROOT / 'configs' / 'teso' / 'teso_swin-b_v1m.py'


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool in an empty folder; its status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))

    def run(*arguments):
        status = exit_status('prepare_weights.py', *arguments)
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


def test_download(run, tmp_path, monkeypatch):
    """What can be is downloaded; what fails is named."""
    urls = []

    def download(url, path, hash_prefix, progress):
        if 'imagebind' in url or 'openmmlab.com' in url:
            raise OSError('no network')
        open(path, 'wb').write(b'weights')
        urls.append(url)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    status, _, errors = run(SWIN)
    assert status == 1
    assert (tmp_path / 'checkpoints' / 'vggish-10086976.pth').exists()
    assert len(list((tmp_path / 'hub' / 'checkpoints').iterdir())) == 1
    assert [url.split('/')[2] for url in urls] == \
        ['mmassets.onedl.ai', 'github.com']
    assert 'imagebind_huge.pth: no network' in errors
    assert 'put it at checkpoints/imagebind_huge.pth' in errors
