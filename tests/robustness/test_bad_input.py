# Copyright (c) mmteso contributors. All rights reserved.
"""Bad input, case by case: refused with the file and a remedy, or tolerated.

Each case spoils a good, tiny data set, clip, cue file, bank, config or
checkpoint, and is read as a user's is. What it says is expected: a pattern
that the error's message has to match, or a function that checks the result.
An error comes from mmteso, names the file and is short; never one from the
depths of a library. How many cases there are, and what became of them::

    python -m pytest -q -s tests/robustness/test_bad_input.py
"""
import shutil
import traceback
from collections import Counter
from pathlib import Path

import mmengine
import pytest
import toy_runner  # noqa: F401, registers a model
from bad_input.avsbench_object import OBJECT, read_object
from bad_input.checkpoints import CHECKPOINTS, make_checkpoint, read_checkpoint
from bad_input.clips import CLIPS, make_clip, read_clip
from bad_input.configs import CONFIG_ERRORS, build_config
from bad_input.cue_banks import BANKS
from bad_input.cue_files import CUES
from bad_input.frames import FRAMES
from bad_input.masks import MASKS
from bad_input.metadata import METADATA
from bad_input.sounds import SOUNDS
from bad_input.spoiling import SIZE, read

import mmteso
from data import make_avsbench, make_avsbench_object
from mmteso.apis.clips import CLIP_FORMS
from mmteso.models.text_encoders import (HashTextEncoder, collect_phrases,
                                         write_cue_bank)

GROUPS = {
    'frames': (read, FRAMES),
    'masks': (read, MASKS),
    'sounds': (read, SOUNDS),
    'metadata': (read, METADATA),
    "AVSBench-object's masks, lists and log-mels": (read_object, OBJECT),
    'cue files': (read, CUES),
    'cue banks': (read, BANKS),
    'clips, their pictures and sounds': (read_clip, CLIPS),
    'checkpoints': (read_checkpoint, CHECKPOINTS),
    'configs': (build_config, CONFIG_ERRORS),
}


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """By reader, a clip of 5 frames and what is read of it."""
    home = tmp_path_factory.mktemp('good')
    root = make_avsbench(home / 'data', ['v1m'], ['test'], frame_size=SIZE)
    write_cue_bank(f'{root}/bank.safetensors', HashTextEncoder(8),
                   collect_phrases([f'{root}/cues.jsonl']))
    other = make_avsbench_object(home / 'object', 's4', ['test'])
    (home / 'nothing').mkdir()
    return {build_config: (home / 'nothing', None)} | {
        reader: (Path(path), reader(path)) for reader, path in (
            (read, root), (read_object, other),
            (read_clip, make_clip(home / 'clip')),
            (read_checkpoint, make_checkpoint(home / 'checkpoint')))}


@pytest.fixture(scope='module', autouse=True)
def outcomes():
    """Counts what became of the cases, and shows it at the end (-s)."""
    counts = {group: Counter() for group in GROUPS}
    yield counts
    print('\n\n| input | tried | tolerated | refused |\n|---|---|---|---|')
    for group, count in counts.items():
        print(f'| {group} | {count.total()} | {count["tolerated"]} '
              f'| {count["refused"]} |')


@pytest.mark.parametrize('group, what', [
    (group, what) for group, (_, cases) in GROUPS.items() for what in cases])
def test_bad_input(good, group, what, tmp_path_factory, warned, outcomes):
    reader, cases = GROUPS[group]
    spoil, expected = cases[what]
    # not tmp_path, whose name holds the case's
    root = tmp_path_factory.mktemp('case') / 'data'
    clean, result = good[reader]
    shutil.copytree(clean, root)
    for step in spoil if isinstance(spoil, list) else [spoil]:
        options = step(root)
    if not isinstance(options, dict):
        options = {}
    if callable(expected):
        expected(reader(root, **options), result, warned)
        outcomes[group]['tolerated'] += 1
        return
    with pytest.raises(Exception, match=expected) as caught:
        reader(root, **options)
    # what a clip may be is told at length
    text = str(caught.value).replace(CLIP_FORMS, '')
    last = traceback.extract_tb(caught.tb)[-1]
    # of a config's names and arguments mmengine complains, as of keys
    homes = [mmteso, *[mmengine] * (reader in (build_config, read_checkpoint))]
    assert last.filename.startswith(
        tuple(str(Path(home.__file__).parent) for home in homes)), text
    assert len(text) < 700 and text.count('\n') < 7
    outcomes[group]['refused'] += 1
