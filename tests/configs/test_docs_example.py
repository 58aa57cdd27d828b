# Copyright (c) mmteso contributors. All rights reserved.
"""The leaf config that docs/text_cues.md shows."""
import re

from mmengine.config import Config
from narrow import CONFIGS
from processes import ROOT


def test_training_with_other_cues(tmp_path):
    text = (ROOT / 'docs' / 'text_cues.md').read_text(encoding='utf-8')
    code, = re.findall(r'```python\n(.*?)```', text, re.S)
    base = str(CONFIGS / 'teso' / 'teso_swin-b_v1m.py')
    code, count = re.subn(r"_base_ = '.*'", f'_base_ = {base!r}', code)
    assert count == 1
    path = tmp_path / 'my_cues.py'
    path.write_text(code)
    config, stock = Config.fromfile(path), Config.fromfile(base)
    for loader in ('train', 'val', 'test'):
        steps, before = (c[f'{loader}_dataloader'].dataset.pipeline
                         for c in (config, stock))
        assert [s.type for s in steps] == [s.type for s in before]
        changed = [s for s, b in zip(steps, before) if s != b]
        assert not changed
        dataset = config[f'{loader}_dataloader'].dataset
        assert dataset.cue_file == 'cues_teso-p.jsonl'
        assert dataset.cue_bank == 'cue_bank_mpnet.safetensors'
    assert config.model.prompt_encoder.text_dims == 768
    assert config.train_dataloader.batch_size == 2
