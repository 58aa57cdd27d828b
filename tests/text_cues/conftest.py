# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from tiny_hf import write_llama, write_llava


@pytest.fixture(scope='session')
def needs_transformers():
    """Skips tests where transformers isn't installed."""
    pytest.importorskip(
        'transformers', reason="needs pip install 'mmteso[text]'")


@pytest.fixture(scope='session')
def llama(needs_transformers, tmp_path_factory):
    """Folder of a small random LLaMA chat model."""
    return write_llama(str(tmp_path_factory.mktemp('hf') / 'llama'))


@pytest.fixture(scope='session')
def llava(needs_transformers, tmp_path_factory):
    """Folder of a small random LLaVA."""
    return write_llava(str(tmp_path_factory.mktemp('hf') / 'llava'))


class GenerateSpy:
    """Notes what a model's ``generate`` gets and gives.

    Attributes:
        calls (list[dict]): Its arguments.
        outputs (list[Tensor]): What it returned.
    """

    def __init__(self, model):
        self.calls, self.outputs = [], []
        self._generate = model.generate

    def __call__(self, **kwargs):
        self.calls.append(kwargs)
        self.outputs.append(self._generate(**kwargs))
        return self.outputs[-1]


@pytest.fixture
def spy_generate(monkeypatch):
    """Has the ``generate`` of an HFModel noted: ``spy_generate(hf_model)``."""

    def spy(hf_model):
        spied = GenerateSpy(hf_model.model)
        monkeypatch.setattr(hf_model.model, 'generate', spied)
        return spied

    return spy
