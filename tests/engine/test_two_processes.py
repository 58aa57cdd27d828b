# Copyright (c) mmteso contributors. All rights reserved.
"""Two processes train and test as one does."""
import json
import sys
from pathlib import Path

import pytest
import torch
from processes import run
from two_processes import CONDITIONS, NAMES, everything

from data import make_avsbench

pytestmark = pytest.mark.dist
TOLERANCE = 1e-5  # relative, of float32 gradients
WORKER = Path(__file__).parents[1] / 'two_processes.py'


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """The same work by one process and by two, each with one thread."""
    folder = tmp_path_factory.mktemp('two')
    root = make_avsbench(folder / 'data', subsets=('v1m', 'v2'), clips=2)
    cues = [json.loads(line) for line in open(f'{root}/cues.jsonl')]
    for cue in cues:
        if cue['frame'] == 4:  # rank 0 knows fewer cues than rank 1
            cue['cues'] = cue['cues'][:1]
    Path(root, 'cues.jsonl').write_text(''.join(
        json.dumps(cue) + '\n' for cue in cues))
    run([sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
         '--nproc_per_node=2', '--rdzv-backend=c10d',
         '--rdzv-endpoint=127.0.0.1:0', WORKER, root, folder / 'work2',
         folder / 'two.pth'])
    two = torch.load(folder / 'two.pth', weights_only=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = everything(root, folder / 'work1', 'none', batch_size=4)
    finally:
        torch.set_num_threads(threads)
    return one, two


def difference(one, two):
    """Largest difference of each tensor, by the tensor's largest gradient.

    By a thousandth of the whole model's largest where the tensor's own are
    smaller: the bias of keys moves no softmax, so that its gradient is zero
    but for rounding, and has nothing else to be compared with.
    """
    assert one.keys() == two.keys()
    largest = {name: gradient.abs().max() for name, gradient in one.items()}
    floor = 1e-3 * max(largest.values())
    return {
        name: (
            (one[name] - two[name]).abs().max() / max(
                largest[name], floor)).item() for name in one}


def relative_norm(one, two):
    """Norm of the difference of all gradients, by that of all gradients."""
    whole = torch.cat([gradient.flatten() for gradient in one.values()])
    other = torch.cat([two[name].flatten() for name in one])
    return ((whole - other).norm() / whole.norm()).item()


@pytest.mark.parametrize('name', NAMES)
def test_same_gradients(results, name):
    """To 1e-5: as a whole, and in each tensor."""
    one, two = (result['gradients'][name] for result in results)
    # find_unused_parameters=False: every one has a gradient
    assert all(g is not None for g in one.values())
    assert len(one) > 50
    assert relative_norm(one, two) < TOLERANCE
    # sums taken in another order leave about 2e-6
    largest = difference(one, two)
    assert max(largest.values()) < TOLERANCE, max(largest, key=largest.get)


def test_losses_by_each_ranks_own_objects_would_differ(results):
    """So the ground truth is spread unevenly, and the test above can fail."""
    one, two = (result['alone'] for result in results)
    assert relative_norm(one, two) > 1000 * TOLERANCE
    assert max(difference(one, two).values()) > 1000 * TOLERANCE
    ours = results[0]['gradients'][NAMES[0]]
    # in one process both losses are the same
    assert max(difference(one, ours).values()) == 0


@pytest.mark.parametrize('name', NAMES)
def test_same_metrics(results, name):
    """No frame counts twice, though two processes are given eight of seven."""
    one, two = (result['metrics'][name] for result in results)
    assert len([key for key in one if key.startswith('digest/')]) == 7
    assert one['J_sounding'] > 0 and 1 < one['foreground'] < 99
    assert 0 < one['cues/rec1_precision'] < 100
    # the masks of untrained models may keep no cue: NaN
    one, two = ({key: value for key, value in found.items() if value == value}
                for found in (one, two))
    # the seventh frame is alone in a batch, or not: its scores may round
    assert one.pop('digest/6') == pytest.approx(two.pop('digest/6'), rel=1e-5)
    assert one == two and 'cues/rec1_AP_by_order' in one


def assert_same_scores(one, two):
    """Also where a frame is batched with others."""
    assert one.keys() == two.keys()
    digest = [key for key in one if key.startswith('digest/')]
    # means of scores of another batch: all but the last bits
    assert [one[key] for key in digest] == pytest.approx(
        [two[key] for key in digest], rel=1e-5)
    for key in one.keys() - set(digest):
        # NaN, where no frame qualifies, is written alike
        assert json.dumps(one[key]) == json.dumps(two[key]), key


def test_same_with_mixed_clips(results):
    """Clips of five frames and of ten, whose seconds attend to each other: of
    two processes one trains on a short clip and the other on a long one, and
    both test a batch of a short and a long one."""
    one, two = (result['clip_gradients'] for result in results)
    assert max(difference(one, two).values()) < TOLERANCE
    for name in ('gamma', 'log_rate'):
        assert one[f'prompt_encoder.{name}'].any()
    one, two = (result['clip_metrics'] for result in results)
    assert len([key for key in one if key.startswith('digest/')]) == 30
    assert_same_scores(one, two)


def test_same_report_of_audio_conditions(results):
    """Of every condition; the clips are paired alike."""
    one, two = (
        json.loads(result['report'])['conditions'] for result in results)
    assert list(one) == list(two) == CONDITIONS
    for name, scores in one.items():
        assert_same_scores(scores, two[name])
    digests = [scores['digest/0'] for scores in one.values()]
    assert len(set(digests)) == len(CONDITIONS)
