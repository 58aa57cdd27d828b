# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from chat_server import ChatServer

from mmteso.text_cues.reasoners import OpenAIReasoner

# waits so short that a test can see many of them
QUICK = dict(
    prompt='zero_shot_direct',
    timeout=20.,
    max_retries=2,
    backoff=.01,
    max_backoff=.02)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """No key and no proxy of whoever runs the tests."""
    for name in ('OPENAI_API_KEY', 'ALL_PROXY', 'HTTP_PROXY', 'HTTPS_PROXY',
                 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def connect():
    """Make OpenAIReasoners for a server; they are closed in the end."""
    pytest.importorskip('httpx')
    pytest.importorskip('tenacity')
    made = []

    def make(server, **arguments):
        made.append(
            OpenAIReasoner(server.url, server.model, **{
                **QUICK,
                **arguments
            }))
        return made[-1]

    yield make
    for reasoner in made:
        reasoner.close()


@pytest.fixture
def nobody():
    """A server that has gone."""
    with ChatServer() as server:
        pass
    return server
