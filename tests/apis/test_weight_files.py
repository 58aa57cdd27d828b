# Copyright (c) mmteso contributors. All rights reserved.
import functools
import hashlib
import http.server
import json
import sys
import threading

import pytest
import torch
from mmengine.config import Config

from mmteso.apis import (WeightSource, check_weights, download_weights,
                         format_weights)

CONTENT = b'weights' * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Relative paths and both caches lie in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    return tmp_path


@pytest.fixture
def server(tmp_path):
    """Address of a server that has weights-{hash}.pth."""
    folder = tmp_path / 'served'
    folder.mkdir()
    (folder / f'weights-{DIGEST[:8]}.pth').write_bytes(CONTENT)
    (folder / f'weights-{"0" * 8}.pth').write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(('', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.server_address[:2]
        yield f'http://{host}:{port}'
        server.shutdown()
        thread.join()


def config_of(*references, **top):
    return Config(
        dict(
            top,
            model=[
                dict(init_cfg=dict(type='Pretrained', checkpoint=reference))
                for reference in references
            ]))


def check(*references, sources=(), hashes=True, **top):
    return check_weights({'a.py': config_of(*references, **top)},
                         hashes=hashes,
                         sources=list(sources))


def source(file='weights*', **fields):
    return WeightSource(file, 'a model', **(fields or dict(by_hand='ask')))


# --------------------------------------------------------------------- state
def test_file_and_hash(place):
    known = source(url='config', sha256='name')
    good, bad = (f'weights-{digits}.pth' for digits in (DIGEST[:8], '0' * 8))
    assert [f.state for f in check(good, bad, sources=[known])] == \
        ['missing'] * 2
    for name in (good, bad, 'other.pth'):
        (place / name).write_bytes(CONTENT)
    files = check(good, bad, 'other.pth', sources=[known])
    assert [f.state for f in files] == ['there', 'wrong', 'unverified']
    assert files[0].detail == f'SHA-256 {DIGEST[:8]}... matches'
    assert files[1].detail == \
        f'SHA-256 {DIGEST}, but 00000000... is expected'
    # nothing is known of it
    assert files[2].detail == f'SHA-256 {DIGEST}, not known'
    assert (files[2].source, files[2].how) == (None, 'not known')
    # what is made here has no hash to compare with
    made = check('other.pth', sources=[source('other*', made_by='a tool')])
    assert made[0].state == 'there'
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


def write_folder(folder, *names, index=None):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text('{}')
    if index:
        (folder / 'model.safetensors.index.json').write_text(
            json.dumps(dict(weight_map=dict(a=index))))


@pytest.mark.parametrize('names, index, state, detail', [
    (['config.json', 'model.safetensors'], None, 'unverified', 'folder'),
    (['config.json', 'pytorch_model.bin'], None, 'unverified', 'folder'),
    (['config.json'], None, 'wrong', 'no weights'),
    (['model.safetensors'], None, 'wrong', 'no config.json'),
    (['config.json', '1.safetensors'], '1.safetensors', 'unverified',
     'folder'),
    (['config.json', '1.safetensors'], '2.safetensors', 'wrong',
     'no 2.safetensors'),
])
def test_folder(place, names, index, state, detail):
    write_folder(place / 'weights', *names, index=index)
    file, = check('weights', sources=[source(hf='owner/name')])
    assert file.state == state and detail in file.detail
    assert file.how == 'hf download owner/name --local-dir weights'


def test_hub_cache(place, monkeypatch):
    """A model by its name on the Hub, as captioners take it."""
    hub = pytest.importorskip('huggingface_hub')
    monkeypatch.setattr(hub.constants, 'HF_HUB_CACHE', str(place / 'cache'))
    real = hub.try_to_load_from_cache
    monkeypatch.setattr(
        hub, 'try_to_load_from_cache',
        functools.partial(real, cache_dir=str(place / 'cache')))
    cfg = Config(
        dict(captioner=dict(type='TransformersCaptioner', model='owner/m')))
    sources = [WeightSource('owner/m', 'a captioner', hf='config')]
    file, = check_weights(dict(a=cfg), sources=sources)
    assert (file.state, file.path) == ('missing', None)
    assert file.detail == 'not in the cache of the Hugging Face Hub'
    assert file.how == 'hf download owner/m'
    repository = place / 'cache' / 'models--owner--m'
    write_folder(repository / 'snapshots' / 'abc', 'config.json',
                 'model.safetensors')
    (repository / 'refs').mkdir()
    (repository / 'refs' / 'main').write_text('abc')
    file, = check_weights(dict(a=cfg), sources=sources)
    assert file.state == 'there'
    # a local folder of that name is taken first
    write_folder(place / 'owner' / 'm', 'config.json')
    file, = check_weights(dict(a=cfg), sources=sources)
    assert (file.state, file.path) == ('wrong', 'owner/m')


def test_what_a_missing_file_is_made_of(place):
    sources = [
        WeightSource('bank', 'a bank', made_by='make it',
                     needs=('weights.pth', 'cues')),
        source(),
        WeightSource('cues', 'cues', made_by='write them')
    ]
    files = check('bank', sources=sources)
    assert [(f.reference, f.used_by) for f in files] == [
        ('bank', 'model.init_cfg.checkpoint'),
        ('weights.pth', 'making bank'), ('cues', 'making bank')
    ]
    assert files[0].how == 'make it'
    (place / 'bank').write_bytes(b'1')
    assert [f.reference for f in check('bank', sources=sources)] == ['bank']


def test_several_configs():
    """Each file once, with the config that has it first."""
    files = check_weights({
        'x/a.py': config_of('1.pth', '2.pth'),
        'x/b.py': config_of('2.pth', '3.pth')
    })
    assert [f.used_by.split(':')[0] for f in files] == \
        ['a.py', 'a.py', 'b.py']


# ------------------------------------------------------------------ download
def test_download(server, place):
    name = f'weights-{DIGEST[:8]}.pth'
    known = source(url=f'{server}/{name}', sha256='name')
    file, = check(f'new/{name}', sources=[known])
    download_weights(file, progress=False)
    assert (place / 'new' / name).read_bytes() == CONTENT
    file, = check(f'new/{name}', sources=[known])
    assert file.state == 'there'


def test_download_of_something_else(server, place):
    """Nothing is kept."""
    name = f'weights-{"0" * 8}.pth'
    file, = check(load_from=f'{server}/{name}',
                  sources=[source(url='config', sha256='name')])
    with pytest.raises(OSError, match='invalid hash value'):
        download_weights(file, progress=False)
    assert not list((place / 'hub').rglob('*.*'))
    file, = check(load_from=f'{server}/none.pth')
    with pytest.raises(OSError, match='404'):
        download_weights(file, progress=False)
    assert not list((place / 'hub').rglob('*.*'))


def test_download_from_the_hub(monkeypatch):
    """Which arguments its library gets; into the folder, or its cache."""
    hub = pytest.importorskip('huggingface_hub')
    calls = []
    monkeypatch.setattr(hub, 'snapshot_download',
                        lambda name, **kwargs: calls.append((name, kwargs)))
    file, = check('checkpoints/weights', sources=[source(hf='owner/name')])
    download_weights(file)
    cfg = Config(dict(reasoner=dict(type='TransformersReasoner', model='o/n')))
    file, = check_weights(
        dict(a=cfg), sources=[WeightSource('o/n', 'x', hf='config')])
    download_weights(file)
    assert calls == [('owner/name', dict(local_dir='checkpoints/weights')),
                     ('o/n', dict(local_dir=None))]
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match='package huggingface_hub is needed'):
        download_weights(file)


def test_on_request():
    cfg = Config(dict(reasoner=dict(type='TransformersReasoner', model='o/n')))
    page = 'https://example.com/o/n'
    file, = check_weights(
        dict(a=cfg),
        sources=[WeightSource('o/n', 'x', hf='config', on_request=page)])
    assert not file.fetchable
    assert file.how == f'hf download o/n, after asking for access on {page}'


def test_no_download():
    file, = check('weights.pt', sources=[source(by_hand='ask there')])
    with pytest.raises(ValueError, match="can't be downloaded: ask there"):
        download_weights(file)


# --------------------------------------------------------------------- table
def test_table(place):
    (place / 'weights.pth').write_bytes(CONTENT)
    files = check(
        'weights.pth',
        'bank',
        'own.pth',
        sources=[
            source(url='a', license='MIT'),
            WeightSource('bank', 'a bank', made_by='make it', size='3 GB')
        ])
    lines = format_weights(files).splitlines()
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines
            if line.startswith('|')]
    assert rows == [['state', 'size', 'license', 'what', 'file'],
                    ['unverified', '7.0 kB', 'MIT', 'a model',
                     'weights.pth'],
                    ['missing', '3 GB', '', 'a bank', 'bank'],
                    ['missing', '', '', 'not known', 'own.pth']]
    text = '\n'.join(lines)
    assert f'weights.pth: SHA-256 {DIGEST}, not known' in text
    assert 'missing: bank\n  for model.init_cfg.checkpoint\n  from make it' \
        in text
    assert format_weights([]) == 'No files are needed besides the data set.'
