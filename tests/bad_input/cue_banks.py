# Copyright (c) mmteso contributors. All rights reserved.
"""Cue banks."""

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mmteso.io import CueBank
from .spoiling import cut, folder, near, same, write


def bank(change=None, **metadata):
    """The tensors and the metadata of the bank changed."""

    def spoil(root):
        path = str(root / 'bank.safetensors')
        origin = dict(CueBank(path).provenance.to_metadata(), **metadata)
        tensors = load_file(path)
        save_file({k: change(v) for k, v in tensors.items()} if change else
                  tensors,
                  path, {k: v for k, v in origin.items() if v is not None})

    return spoil


BROKEN = r'bank\.safetensors" cannot be read .*copy it anew'
FOREIGN = r'bank\.safetensors" is no feature file of mmteso: .*Extract the f'
VALUES = r'bank\.safetensors" must be 8 finite floats.*Extract it anew'
BANK = 'bank.safetensors'
BANKS = {
    'missing': (lambda root: (root / BANK).unlink(),
                r'cue bank .*bank\.safetensors" does not exist.*'
                r'extract_text_features\.py .*--cues CUE_FILE --out'),
    'a folder': (folder(BANK), 'cue bank .* does not exist'),
    'empty': (write(BANK, b''), BROKEN),
    'text': (write(BANK, 'no bank' * 99), BROKEN),
    **{f'cut at {share:.0%}': (write(BANK, cut(share)), BROKEN)
       for share in (.01, .3, .7, .99)},
    'bytes behind the end': (write(BANK, lambda old: old + b'x' * 9), BROKEN),
    'header says too much': (write(
        BANK, lambda old: b'\xff' * 7 + b'\0' + old[8:]), BROKEN),
    "PyTorch's format": (
        lambda root: torch.save(dict(dog=torch.zeros(8)), root / BANK),
        BROKEN),
    'nobody knows from where': (
        lambda root: save_file(dict(dog=torch.zeros(8)), str(root / BANK)),
        FOREIGN),
    'newer format': (bank(format='mmteso-features/9'), FOREIGN),
    **{f'{key} missing': (bank(**{key: None}), FOREIGN)
       for key in ('format', 'kind', 'encoder', 'weights_hash', 'dims',
                   'settings')},
    'width that is no number': (bank(dims='eight'), FOREIGN),
    'width 0': (bank(dims='0'), FOREIGN),
    'no encoder': (bank(encoder=''), FOREIGN),
    'settings cut': (bank(settings='{"a":'), FOREIGN),
    'settings as a list': (bank(settings='[]'), FOREIGN),
    'features of sound': (bank(kind='audio'),
                          "kind is 'audio', expected 'cue_bank'"),
    'width unlike the features': (bank(dims='9'), VALUES.replace('8', '9')),
    'other width': (bank(lambda v: v[:4]), VALUES),
    'features in two dimensions': (bank(lambda v: v[None]), VALUES),
    'integers': (bank(lambda v: v.long()), VALUES),
    'NaN': (bank(lambda v: v * np.nan), VALUES),
    'infinite': (bank(lambda v: v / 0), VALUES),
    'half precision': (bank(lambda v: v.half()), same(cues=near(1e-2))),
    'double precision': (bank(lambda v: v.double()), same()),
    'no features': (lambda root: save_file({}, str(root / BANK), CueBank(
        str(root / BANK)).provenance.to_metadata()), 'lacks 3: .*Add them'),
}
