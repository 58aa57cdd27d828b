# Copyright (c) mmteso contributors. All rights reserved.
"""AVSBench-object's masks, lists and log-mels."""
import pickle

import numpy as np
import torch
from mmengine.registry import DefaultScope

from mmteso.datasets import AVSBenchObjectDataset
from mmteso.io import load_tensor_pickle
from .masks import keep, mask, put
from .spoiling import cut, write


def read_object(root, audio='wav', masks=None, **options):
    """As :func:`read`, without cues."""
    load = {'wav': 'LoadAudioClip', 'log_mel': 'LoadLogMel'}[audio]
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = AVSBenchObjectDataset(
            str(root), split='test', audio=audio, serialize_data=False,
            pipeline=[dict(type='LoadImageFromFile'),
                      dict(type='LoadAVSAnnotations', **(masks or {})),
                      dict(type=load)])
        return [dataset[0], dataset[4]]


S4 = 'Single-source/s4_data/{}/test/dog_barking/s4-test-0'
GREY = f'{S4.format("gt_masks")}/s4-test-0_1.png'
LOG_MEL = f'{S4.format("audio_log_mel")}.pkl'
LIST = 'Single-source/s4_meta_data.csv'


def grey(change=keep, **options):
    return mask(lambda labels: change(labels.astype(np.uint8) * 255), GREY,
                **options)


def shows(expected=None, warns=None):
    """The mask of the first frame is the good one, or this."""

    def check(found, good, warned):
        value = found[0]['gt_seg_map']
        if expected is None:
            assert value.any() and not value.all()
            assert set(np.unique(value)) == {0, 1}
            assert value.sum() == 12 * 22  # see data.py
        else:
            assert expected(value)
        assert not warned

    return check


def log_mels(change):
    """The log-mels of the clip, written by pickle."""

    def spoil(root):
        examples = load_tensor_pickle(str(root / LOG_MEL))
        (root / LOG_MEL).write_bytes(pickle.dumps(change(examples)))
        return dict(audio='log_mel')

    return spoil


def listed(text):
    return write(LIST, text)


def log_mel_is(index):
    def check(found, good, warned):
        assert found[1]['log_mel'].shape == (1, 96, 64)
        assert len(warned) == (index < 4)
        assert (found[0]['log_mel'] == found[1]['log_mel']).all() == (
            index == 0)

    return check


ROW = 's4-test-0,0,dog_barking,test\n'
NO_MELS = r's4-test-0\.pkl" {}'
OBJECT = {
    '0 and 255': (grey(), shows()),
    '0 and 1': (grey(lambda labels: labels // 255), shows()),
    '1 bit a pixel': (grey(mode='1'), shows()),
    'grey value of a palette': (grey(mode='P'), shows()),
    'RGB': (grey(mode='RGB'), shows()),
    'white alone': (grey(np.ones_like), shows(np.all)),
    'black alone': (grey(np.zeros_like), shows(lambda value:
                                               not value.any())),
    'a few of another grey': (grey(put(7, columns=slice(0, 5))), shows(
        lambda value: (value[0, :5] == 255).all() and value.max() == 255 and
        (value == 255).sum() == 5)),
    'a third grey value': (grey(put(7)), '24 of 576 pixels of .*0_1.png have '
                           'an unknown grey value: 7'),
    'JPEG named .png': (grey(kind='JPEG', quality=30), '0_1.png have an '
                        'unknown grey value'),
    'other size': (grey(lambda labels: labels[2:]), 'height x width 22 x 24, '
                   'expected the 24 x 24'),
    'no header': (listed(ROW), shows()),
    'CRLF and byte order mark': (listed('\ufeff' + ROW.replace('\n', '\r\n')),
                                 shows()),
    'blanks and empty lines': (listed('\n' + ROW.replace(',', ' , ') + '\n'),
                               shows()),
    'three columns': (listed('a,dog,test\n'), 'line 1: .*; expected 4 col'),
    'unknown split': (listed(ROW + 'b,0,dog,trian\n'),
                      "line 2: .*'trian'.*; expected .* the split"),
    'no clip of the split': (listed('a,0,dog,val\n'),
                             "no clip of split 'test' .1 clips"),
    'clip twice': (listed(ROW + ROW), "line 2: name 's4-test-0'"),
    'no name': (listed(ROW + ',0,dog,test\n'), "line 2: name ''"),
    'no category': (listed(ROW + 'a,0,,test\n'), "line 2: .*category ''"),
    'name ..': (listed(ROW + '../x,0,dog,test\n'), 'line 2: .*have no'),
    'category ..': (listed(ROW + 'a,0,..,test\n'), 'line 2: .*have no'),
    'empty list': (listed(''), 'no clip of split'),
    'list in UTF-16': (listed(ROW.encode('utf-16')), 'is no text in UTF-8'),
    'log-mels': (log_mels(lambda x: x), log_mel_is(4)),
    'one log-mel': (log_mels(lambda x: x[:1]), log_mel_is(0)),
    'ten log-mels': (log_mels(lambda x: x.repeat(2, 1, 1, 1)), log_mel_is(4)),
    'float64': (log_mels(torch.Tensor.double), log_mel_is(4)),
    'no log-mel': (log_mels(lambda x: x[:0]),
                   NO_MELS.format(r'must .*T >= 1, .*\(0, 1')),
    'without channel': (log_mels(lambda x: x[:, 0]),
                        NO_MELS.format(r'must .*\(5, 96, 64\)')),
    'turned': (log_mels(lambda x: x.transpose(2, 3)),
               NO_MELS.format(r'must .*\(5, 1, 64, 96\)')),
    'integers': (log_mels(torch.Tensor.long),
                 NO_MELS.format('must .*torch.int64')),
    'not finite': (log_mels(lambda x: x * np.nan),
                   NO_MELS.format('is not finite or')),
    'in decibels': (log_mels(lambda x: 10 * x), NO_MELS.format('is not fini')),
    'NumPy': (log_mels(torch.Tensor.numpy), NO_MELS.format('is no tensor')),
    'a list': (log_mels(list), NO_MELS.format('is no tensor')),
    **{f'log-mels cut at {share:.0%}': (
        lambda root, share=share: write(LOG_MEL, cut(share))(root) or dict(
            audio='log_mel'), NO_MELS.format('is no tensor'))
       for share in (0, .1, .5, .9)},
    'log-mels missing': (lambda root: (root / LOG_MEL).unlink() or dict(
        audio='log_mel'), r's4-test-0\.pkl \(expected the sound'),
}
