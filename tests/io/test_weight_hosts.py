# Copyright (c) mmteso contributors. All rights reserved.
"""OpenMMLab's hosts, played by folders on this machine."""
import hashlib
import io
import socket

import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmteso.engine import OPENMMLAB_HOSTS, download_file


def content():
    file = io.BytesIO()
    torch.save(dict(state_dict=dict(a=torch.ones(3))), file)
    return file.getvalue()


CONTENT = content()
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = f'folder/model-{DIGEST[:8]}.pth'


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    return tmp_path / 'hub' / 'checkpoints'


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    """Folders of the hosts, and addresses that take the place of theirs."""
    folders = [tmp_path / name for name in ('first', 'second')]
    for folder in folders:
        (folder / 'folder').mkdir(parents=True)
    places = {host: f'{folder.as_uri()}/'
              for host, folder in zip(OPENMMLAB_HOSTS, folders)}
    real = torch.hub.download_url_to_file

    def download(url, *args, **kwargs):
        for host, place in places.items():
            url = url.replace(host, place)
        return real(url, *args, **kwargs)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    return folders, places


@pytest.mark.parametrize('first, asked', [(None, 0), (b'an error page', 1),
                                          (CONTENT, 0)])
def test_other_host(hosts, tmp_path, first, asked):
    """Where the one asked first has nothing or something else."""
    folders, _ = hosts
    if first is not None:
        (folders[asked] / PATH).write_bytes(first)
    (folders[1 - asked] / PATH).write_bytes(CONTENT)
    target = tmp_path / 'new' / 'model.pth'
    download_file(
        OPENMMLAB_HOSTS[asked] + PATH, str(target), DIGEST, progress=False)
    assert target.read_bytes() == CONTENT
    assert len(list(target.parent.iterdir())) == 1


def test_host_that_does_not_answer(hosts, tmp_path):
    folders, places = hosts
    (folders[1] / PATH).write_bytes(CONTENT)
    target = tmp_path / 'model.pth'
    before = socket.getdefaulttimeout()
    with socket.create_server(('127.0.0.1', 0)) as silent:
        places[OPENMMLAB_HOSTS[0]] = 'http://{}:{}/'.format(
            *silent.getsockname())
        download_file(OPENMMLAB_HOSTS[0] + PATH, str(target), progress=False,
                      timeout=0.5)
    assert target.read_bytes() == CONTENT
    assert socket.getdefaulttimeout() == before


def test_no_host(hosts, tmp_path):
    folders, _ = hosts
    (folders[1] / PATH).write_bytes(b'an error page')
    target = tmp_path / 'new' / 'model.pth'
    with pytest.raises(OSError) as info:
        download_file(
            OPENMMLAB_HOSTS[0] + PATH, str(target), DIGEST, progress=False)
    first, second, remedy = str(info.value).splitlines()[1:]
    assert OPENMMLAB_HOSTS[0] + PATH in first and 'No such file' in first
    assert OPENMMLAB_HOSTS[1] + PATH in second and 'hash' in second
    assert str(target) in remedy
    assert not list(target.parent.iterdir())


def test_checkpoint_of_a_config(hosts, hub):
    """`load_from` and `init_cfg` of a runner, whichever host is left."""
    folders, _ = hosts
    url = OPENMMLAB_HOSTS[0] + PATH
    with pytest.raises(OSError, match='put it at .*checkpoints'):
        CheckpointLoader.load_checkpoint(url)
    (folders[1] / PATH).write_bytes(CONTENT)
    for _ in range(2):
        loaded = CheckpointLoader.load_checkpoint(url, map_location='cpu')
        assert torch.equal(loaded['state_dict']['a'], torch.ones(3))
        # the second time no host is needed
        (folders[1] / PATH).unlink(missing_ok=True)
    assert [path.name for path in hub.iterdir()] == [PATH.split('/')[1]]
