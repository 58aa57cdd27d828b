# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from tiny_hf import write_llama, write_llava


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    """No key and no proxy of whoever runs the tests."""
    for name in ('OPENAI_API_KEY', 'ALL_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope='session')
def llama(tmp_path_factory):
    """Folder of a small random LLaMA chat model."""
    pytest.importorskip('transformers')
    return write_llama(str(tmp_path_factory.mktemp('hf') / 'llama'))


@pytest.fixture(scope='session')
def llava(tmp_path_factory):
    """Folder of a small random LLaVA."""
    pytest.importorskip('transformers')
    return write_llava(str(tmp_path_factory.mktemp('hf') / 'llava'))


@pytest.fixture
def spy_generate(monkeypatch):
    """Notes what a LocalModel's ``generate`` gets: a list of arguments."""

    def spy(local_model):
        model, calls = local_model.loaded.model, []
        generate = model.generate

        def noting(**kwargs):
            calls.append(kwargs)
            return generate(**kwargs)

        monkeypatch.setattr(model, 'generate', noting)
        return calls

    return spy
