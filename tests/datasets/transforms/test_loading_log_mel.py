# Copyright (c) mmteso contributors. All rights reserved.
import math
import os
import pickle

import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import LoadLogMel
from mmteso.io import TensorPickleError


def save(path, tensor):
    with open(path, 'wb') as file:
        pickle.dump(tensor, file)
    return dict(log_mel_path=str(path), uid='u', frame=0)


def examples(count=5):
    torch.manual_seed(0)
    return torch.rand(count, 1, 96, 64) * 5 + math.log(0.01)


def test_the_frames_own_example(tmp_path):
    tensor = examples()
    sample = save(tmp_path / 'a.pkl', tensor.clone().requires_grad_())
    transform = TRANSFORMS.build(dict(type='LoadLogMel'))
    for frame in range(5):
        results = transform(dict(sample, frame=frame))
        assert torch.equal(results['log_mel'], tensor[frame])
        assert not results['log_mel'].requires_grad
        assert results['audio_condition'] == 'normal'
        # not the whole file goes to the main process
        assert results['log_mel'].untyped_storage().nbytes() == 4 * 96 * 64


def test_short_files_repeat_their_last_example_and_say_so_once(
        tmp_path, warned):
    sample = save(tmp_path / 'a.pkl', examples(3))
    transform = LoadLogMel()
    for frame in (1, 2, 3, 4, 3):
        found = transform(dict(sample, frame=frame))['log_mel']
        assert torch.equal(found, examples(3)[min(frame, 2)])
    assert len(warned) == 1
    assert 'a.pkl" of "u" has 3 examples; from frame 3 on' in warned[0]


def test_double_precision_is_read(tmp_path):
    sample = save(tmp_path / 'a.pkl', examples().double())
    assert LoadLogMel()(sample)['log_mel'].dtype == torch.float32


@pytest.mark.parametrize('tensor, message', [
    (examples()[:, 0], r'\(T, 1, 96, 64\).*\(5, 96, 64\)'),
    (examples().transpose(2, 3), r'but holds .*\(5, 1, 64, 96\)'),
    (examples()[:0], r'T >= 1.*\(0, 1, 96, 64\)'),
    (examples().long(), 'holds torch.int64'),
    (examples() * float('nan'), 'not finite'),
    (examples() - 1, r"not on VGGish's scale.*-5.6.*below -4.605"),
    (examples().numpy(), 'refers to "numpy'),
])
def test_what_is_no_vggish_input_is_refused(tmp_path, tensor, message):
    sample = save(tmp_path / 'a.pkl', tensor)
    with pytest.raises(TensorPickleError, match=f'a.pkl.*{message}'):
        LoadLogMel()(sample)


def test_silence_is_on_the_scale(tmp_path):
    silence = torch.full((5, 1, 96, 64), 0.01).log()
    sample = save(tmp_path / 'a.pkl', silence)
    assert torch.equal(LoadLogMel()(sample)['log_mel'], silence[0])


def test_code_in_a_file_is_not_executed(tmp_path):

    class Evil:

        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'executed'), )

    sample = save(tmp_path / 'a.pkl', Evil())
    with pytest.raises(TensorPickleError, match='mkdir'):
        LoadLogMel()(sample)
    assert not (tmp_path / 'executed').exists()


def test_missing_file_or_key(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.pkl'):
        LoadLogMel()(
            dict(log_mel_path=str(tmp_path / 'a.pkl'), uid='u', frame=0))
    with pytest.raises(KeyError, match='"u" lacks.*LoadAudioClip'):
        LoadLogMel()(dict(uid='u', frame=0))
