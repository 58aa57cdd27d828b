# Copyright (c) mmteso contributors. All rights reserved.
import pytest


@pytest.fixture(autouse=True)
def plain_config_text(monkeypatch):
    """Spare runners yapf, which lays a config out in 3 s, seven times."""
    for where in ('yapf.yapflib.yapf_api.FormatCode',
                  'mmengine.config.config.FormatCode'):
        # the two distributions import it at different places
        monkeypatch.setattr(
            where, lambda text, **_: (text, True), raising=False)
