# Copyright (c) mmteso contributors. All rights reserved.
import functools
import hashlib

import pytest
import torch
from mmengine.config import Config
from narrow import CONFIGS

from mmteso.apis import check_weights, download_weights
from mmteso.apis.weights import SOURCES_FILE
from mmteso.io import read_yaml

CONTENT = b'weights' * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Relative paths and both caches lie in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    return tmp_path


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address whose files are those of a folder: a right and a wrong one."""
    folder = tmp_path / 'served'
    folder.mkdir()
    (folder / f'weights-{DIGEST[:8]}.pth').write_bytes(CONTENT)
    (folder / f'weights-{"0" * 8}.pth').write_bytes(CONTENT)
    url, download = 'https://example.com', torch.hub.download_url_to_file
    monkeypatch.setattr(
        torch.hub, 'download_url_to_file', lambda address, *args, **kwargs:
        download(address.replace(url, folder.as_uri()), *args, **kwargs))
    return url


def check(*references, sources=(), hashes=True, **top):
    config = Config(
        dict(top, model=[
                 dict(init_cfg=dict(type='Pretrained', checkpoint=reference))
                 for reference in references]))
    return check_weights({'x/a.py': config}, hashes, list(sources))


def source(file='weights*', **fields):
    return dict(fields or dict(by_hand='ask'), file=file, what='a model')


def test_every_file_of_every_config_has_a_source(monkeypatch):
    """And every source is of a config; names have the digits they must."""
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://server.invalid/v1')
    sources = read_yaml(SOURCES_FILE)
    used, unknown = [], []
    for path in sorted(CONFIGS.rglob('*.py')):
        if '_base_' in path.parts:
            continue
        for file in check_weights({path.name: Config.fromfile(path)}):
            if file.source:
                used.append(file.source)
                assert file.source.get('sha256') != 'name' or \
                    file.expected_hash
            else:
                unknown.append((path.name, file.reference))
    assert not unknown
    assert not [s['file'] for s in sources if s not in used]


def test_file_and_hash(place):
    known = source(url='config', sha256='name')
    good, bad = (f'weights-{digits}.pth' for digits in (DIGEST[:8], '0' * 8))
    assert [f.state for f in check(good, bad, sources=[known])] == \
        ['missing'] * 2
    for name in (good, bad, 'other.pth'):
        (place / name).write_bytes(CONTENT)
    files = check(good, bad, 'other.pth', sources=[known])
    assert [f.state for f in files] == ['there', 'wrong', 'unverified']
    assert [f.detail for f in files] == [
        f'SHA-256 {DIGEST[:8]}... matches',
        f'SHA-256 {DIGEST}, but 00000000... is expected',
        f'SHA-256 {DIGEST}, not known']
    assert files[2].how == 'not known'
    # what is made here has no hash to compare with
    made, = check('other.pth', sources=[source('other*', made_by='a tool')])
    assert made.state == 'there'
    # without reading the files
    files = check(good, bad, sources=[known], hashes=False)
    assert [f.state for f in files] == ['there', 'there']
    (place / good).write_bytes(b'')
    file, = check(good, sources=[known], hashes=False)
    assert (file.state, file.detail) == ('wrong', 'empty')


def test_url_is_where_training_looks(server, place):
    """As torch.hub and mmengine keep what they download."""
    from mmengine.runner import CheckpointLoader
    torch.save(dict(a=torch.ones(1)), place / 'served' / 'm.pth')
    url = f'{server}/m.pth'
    file, = check(load_from=url)
    assert file.state == 'missing' and file.url == url
    CheckpointLoader.load_checkpoint(url)
    file, = check(load_from=url)
    assert file.state == 'unverified'
    assert file.path == str(place / 'hub' / 'checkpoints' / 'm.pth')


def write_folder(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(
            '{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}')


@pytest.mark.parametrize('names, lacking', [
    ('config.json model.safetensors', ''),
    ('config.json pytorch_model.bin', ''),
    ('config.json', '*.safetensors'),
    ('model.safetensors', 'config.json'),
    ('config.json 1.safetensors model.safetensors.index.json',
     '2.safetensors'),
])
def test_folder(place, names, lacking):
    """Also a model by its name on the Hub, of which there is a folder."""
    write_folder(place / 'owner' / 'm', *names.split())
    for reference, known in (('owner/m', source('owner/m', hf='config')),
                             ('owner/m/', source('m', hf='owner/name'))):
        file, = check(reference, sources=[known])
        assert file.state == ('wrong' if lacking else 'unverified')
        if lacking:
            assert file.detail == f'the folder has no {lacking}'


def test_hub_cache(place, monkeypatch):
    """Where a model lies that a config has by its name on the Hub."""
    hub = pytest.importorskip('huggingface_hub')
    monkeypatch.setattr(hub, 'try_to_load_from_cache',
                        functools.partial(hub.try_to_load_from_cache,
                                          cache_dir=str(place / 'cache')))
    known = source('owner/m', hf='config')
    file, = check('owner/m', sources=[known])
    assert (file.state, file.path) == ('missing', '')
    assert file.how == 'hf download owner/m' and file.fetchable
    asked, = check('owner/m', sources=[dict(known, on_request='https://a.b')])
    assert not asked.fetchable
    assert asked.how.endswith(', after asking for access on https://a.b')
    repository = place / 'cache' / 'models--owner--m'
    write_folder(repository / 'snapshots' / 'abc', 'config.json',
                 'model.safetensors')
    (repository / 'refs').mkdir()
    (repository / 'refs' / 'main').write_text('abc')
    file, = check('owner/m', sources=[known], hashes=False)
    assert file.state == 'there'


def test_what_a_missing_file_is_made_of(place):
    sources = [source('bank', made_by='make it',
                      needs=['weights.pth', 'cues']), source(),
               source('cues', made_by='write them')]
    files = check('bank', sources=sources)
    assert [(f.reference, f.used_by) for f in files] == [
        ('bank', 'a.py: model.init_cfg.checkpoint'),
        ('weights.pth', 'making bank'), ('cues', 'making bank')]
    (place / 'bank').write_bytes(b'1')
    assert [f.reference for f in check('bank', sources=sources)] == ['bank']


def test_download(server, place):
    name = f'weights-{DIGEST[:8]}.pth'
    known = source(url=f'{server}/{name}', sha256='name')
    file, = check(f'new/{name}', sources=[known])
    download_weights(file, progress=False)
    assert (place / 'new' / name).read_bytes() == CONTENT
    # nothing is kept of something else
    file, = check(load_from=f'{server}/weights-{"0" * 8}.pth',
                  sources=[source(url='config', sha256='name')])
    with pytest.raises(OSError, match='invalid hash value'):
        download_weights(file, progress=False)
    assert not list((place / 'hub').rglob('*.*'))


def test_download_from_the_hub(monkeypatch):
    """Which arguments its library gets; into the folder, or its cache."""
    hub = pytest.importorskip('huggingface_hub')
    calls = []
    monkeypatch.setattr(hub, 'snapshot_download',
                        lambda name, **kwargs: calls.append((name, kwargs)))
    for reference, known in (('checkpoints/weights', source(hf='owner/name')),
                             ('o/n', source('o/n', hf='config'))):
        file, = check(reference, sources=[known])
        download_weights(file)
    assert calls == [('owner/name', dict(local_dir='checkpoints/weights')),
                     ('o/n', dict(local_dir=None))]
