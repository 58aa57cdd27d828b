# Copyright (c) mmteso contributors. All rights reserved.
"""From frames to a trained model, by the commands that a user types."""
import itertools
import json
import sys

import pytest
import torch
from chat_server import ChatServer
from narrow import CONFIGS, TEXT_DIMS, load, narrow_config
from processes import ROOT, free_port, run
from tiny_hf import write_llava
from tiny_imagebind import random_checkpoint

from mmteso.io import CueFile, FeatureFile
from mmteso.testbeds.synthavs import generate_synthavs

VIDEOS, FRAMES = 6, 2

CUES = '''
_base_ = {base!r}
frames = dict(dataset=dict(
    data_root={data!r}, subsets='v2',
    metainfo=dict(classes='label2idx.json')))
captioner = dict(
    model={llava!r}, dtype='float32', generation=dict(max_new_tokens=12))
reasoner = dict(model='tiny-chat')
generator = dict(batch_size=4)
'''


def tool(name, *words, **kwargs):
    return run([sys.executable, '-W', 'ignore', ROOT / 'tools' / name, *words],
               **kwargs)


@pytest.mark.slow
@pytest.mark.dist
def test_from_frames_to_a_trained_model(tmp_path):
    data = tmp_path / 'synthavs'
    generate_synthavs(data, videos=VIDEOS, frames=FRAMES, size=32)
    llava = write_llava(str(tmp_path / 'llava'))
    config = tmp_path / 'cues.py'
    config.write_text(
        CUES.format(base=str(CONFIGS / 'text_cues' / 'teso_openai.py'),
                    data=str(data), llava=llava))

    # two processes, and a server that often misbehaves
    out = tmp_path / 'cues.jsonl'
    script = itertools.cycle([None, 500, None, None, 'cut', None, None])
    with ChatServer(script) as server:
        run([sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
             f'--master_port={free_port()}', '--nproc_per_node=2',
             ROOT / 'tools' / 'generate_text_cues.py', config, '--out', out],
            OPENAI_BASE_URL=f'{server.url}/v1')
    out.write_bytes(b''.join(
        (tmp_path / f'cues.rank{i}.jsonl').read_bytes() for i in range(2)))
    cue_file = CueFile(out)
    assert len(cue_file) == VIDEOS * FRAMES
    assert not cue_file.num_failed
    assert len(server.requests) > 2 * len(cue_file)
    phrases = {cue for record in cue_file.values() for cue in record.cues}
    assert phrases

    # nothing is left to do, so neither model nor server is asked
    again = tool('generate_text_cues.py', config, '--out', out, '--resume',
                 OPENAI_BASE_URL='http://server.invalid/v1')
    assert '0 frames served' in again.stdout

    # the bank, from weights in the layout of imagebind_huge.pth
    weights, bank = tmp_path / 'imagebind.pth', tmp_path / 'bank.safetensors'
    torch.save(random_checkpoint(width=16, dims=TEXT_DIMS), weights)
    tool('extract_text_features.py',
         CONFIGS / 'text_features' / 'imagebind.py', '--cues', out, '--out',
         bank, '--cfg-options', f'text_encoder.weights={weights}',
         'text_encoder.num_heads=2')
    assert set(FeatureFile(str(bank))) == phrases

    # training and testing with both
    training = narrow_config(load('teso/teso-cue_r18_synthavs.py'), data,
                             tmp_path / 'work', epochs=2)
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for loader in loaders:
        training[loader].dataset.update(cue_file=str(out), cue_bank=str(bank))
    training.log_level = 'INFO'
    path = tmp_path / 'training.py'
    training.dump(path)
    tool('train.py', path)
    checkpoint, = (tmp_path / 'work').glob('best_*.pth')
    report = tmp_path / 'audio.json'
    tool('test.py', path, checkpoint, '--audio', 'normal', 'mute',
         '--audio-out', report)
    conditions = json.loads(report.read_text())['conditions']
    assert set(conditions) == {'normal', 'mute'}
    assert all(0 <= found['J'] <= 100 for found in conditions.values())
