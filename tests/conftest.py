# Copyright (c) mmteso contributors. All rights reserved.
import logging
import os

import pytest

if 'MMTESO_TEST_GPU' not in os.environ:
    # `make test` is the same on every machine: mmengine's runner would move
    # its models to a GPU that it sees, and the numbers are those of a CPU.
    # Here, because CUDA reads it once.
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'


try:
    import hypothesis
except ImportError:  # its tests are skipped
    pass
else:
    # the same examples everywhere, however slow the machine is
    hypothesis.settings.register_profile(
        'mmteso', deadline=None, derandomize=True)
    hypothesis.settings.load_profile('mmteso')


def pytest_configure(config):
    """Import mmteso before any test module imports mmseg.models.

    See mmteso/ops/stand_in.py. Not in the process that only hands tests out to
    others (``-n 2``): that would take seconds in which none of them starts. It
    makes yapf's cache, which processes that start together read half written
    (findings/yapf_cache_of_new_ranks.sh).
    """
    hands_out = getattr(config.option, 'numprocesses', None)
    if hasattr(config, 'workerinput') or not hands_out:
        import mmteso  # noqa: F401
    else:
        import yapf.yapflib.yapf_api  # noqa: F401


def pytest_collection_modifyitems(items):
    """Skip tests marked gpu where no CUDA device is to be seen."""
    import torch
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason='needs a CUDA device: make test-gpu')
    for item in items:
        if 'gpu' in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope='session')
def quick_config_text():
    """See :func:`narrow.plain_config_text`."""
    from narrow import plain_config_text
    with plain_config_text():
        yield


@pytest.fixture(autouse=True)
def own_logger(request):
    """Not the one of an earlier test, whose file may be closed. mmengine
    keeps the files of all runners open."""
    from mmengine.logging import MMLogger
    MMLogger.get_instance(request.node.nodeid)
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler):
                logger.removeHandler(handler)
                handler.close()


@pytest.fixture(scope='session')
def synthavs(tmp_path_factory):
    """Folder of a tiny SynthAVS that nobody changes."""
    from mmteso.testbeds.synthavs import generate_synthavs
    root = tmp_path_factory.mktemp('shared') / 'synthavs'
    generate_synthavs(root, videos=8, frames=2, size=32)
    return str(root)


@pytest.fixture(scope='session')
def v1m(tmp_path_factory):
    """Folder of an AVSBench that has V1M alone, and that nobody changes."""
    from data import make_avsbench
    return make_avsbench(tmp_path_factory.mktemp('shared'), ['v1m'])


@pytest.fixture
def warned():
    """List of the warnings that go to mmengine's logger."""
    from mmengine.logging import MMLogger
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)
