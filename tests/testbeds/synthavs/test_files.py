# Copyright (c) mmteso contributors. All rights reserved.
import json
import os

import pytest

from mmteso.testbeds.synthavs import (generate_synthavs, is_up_to_date,
                                      read_manifest)

TINY = dict(videos=3, frames=1, size=24)


def _files(root):
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, names in os.walk(root)
        for name in names
    }


def test_refuses_a_folder_in_use(tmp_path):
    (tmp_path / 'thesis.txt').write_text('years of work')
    for overwrite, hint in ((False, '--overwrite'), (True, 'nothing in it')):
        with pytest.raises(FileExistsError, match=hint):
            generate_synthavs(tmp_path, overwrite=overwrite, **TINY)
    assert _files(tmp_path) == {'thesis.txt'}


def test_overwrite_removes_only_what_was_written(tmp_path):
    generate_synthavs(tmp_path, **dict(TINY, videos=5, frames=2))
    uids = read_manifest(tmp_path)['uids']
    mine = tmp_path / 'v2' / uids[-1] / 'frames' / 'notes.txt'
    mine.write_text('mine')
    (tmp_path / 'features.safetensors').write_text('mine')
    generate_synthavs(tmp_path, overwrite=True, **TINY)

    fresh = tmp_path.parent / f'{tmp_path.name}-fresh'
    generate_synthavs(fresh, **TINY)
    assert _files(tmp_path) - _files(fresh) == {
        str(mine.relative_to(tmp_path)), 'features.safetensors'
    }
    # Of the removed videos only the folder that is still in use is left.
    left = set(os.listdir(tmp_path / 'v2')) - set(os.listdir(fresh / 'v2'))
    assert left == {uids[-1]}


def test_overwrite_never_leaves_the_folder(tmp_path):
    root = tmp_path / 'data'
    generate_synthavs(root, **TINY)
    outside = tmp_path / 'audio.wav'
    outside.write_text('mine')
    manifest = read_manifest(root)
    manifest['uids'].append('../..')
    (root / 'synthavs.json').write_text(json.dumps(manifest))
    before = _files(tmp_path)
    with pytest.raises(ValueError, match='no plain folder name'):
        generate_synthavs(root, overwrite=True, **TINY)
    assert _files(tmp_path) == before


def test_what_is_up_to_date(tmp_path):
    """Later arguments at their defaults change nothing."""
    arguments = dict(seed=0, **TINY)
    later = dict(variant='easy', train_silent_percent=15)
    generate_synthavs(tmp_path, **arguments, **later)
    for given in (arguments, dict(arguments, **later)):
        assert is_up_to_date(tmp_path, given)
    for key, value in (('variant', 'hard'), ('train_silent_percent', 0),
                       ('videos', 4)):
        assert not is_up_to_date(tmp_path, {**arguments, key: value})
    generate_synthavs(
        tmp_path, overwrite=True, train_silent_percent=0, **arguments)
    assert not is_up_to_date(tmp_path, arguments)
