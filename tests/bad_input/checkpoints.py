# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints."""

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmteso.apis import init_model
from .spoiling import cut, write


def make_checkpoint(root):
    """Of a model of two layers; its numbers are in order."""
    root.mkdir()
    model = MODELS.build(dict(type='ToyDropoutModel'))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.arange(parameter.numel()).view_as(parameter))
    torch.save(dict(state_dict=model.state_dict(), meta=dict()),
               root / 'model.pth')
    return root


def read_checkpoint(root, path='model.pth'):
    model = Config(dict(model=dict(type='ToyDropoutModel')))
    return init_model(model, str(root / path), device='cpu').state_dict()


def saved(change, **options):
    """What a change of the checkpoint returns is written, or it itself."""

    def spoil(root):
        checkpoint = torch.load(root / 'model.pth', weights_only=True)
        changed = change(checkpoint, checkpoint['state_dict'])
        torch.save(checkpoint if changed is None else changed,
                   root / 'model.pth', **options)

    return spoil


def loads(found, good, warned):
    for name, value in good.items():
        assert torch.equal(found[name], value)
    assert len(warned) < 2  # that no config is known


def renamed(rename):
    return saved(lambda checkpoint, state: dict(
        state_dict={rename(name): value for name, value in state.items()}))


UNREADABLE = r'model\.pth" cannot be read as a checkpoint; is the download '
MISFIT = r'model\.pth does not fit the model of the config[\s\S]*{}'
NO_WEIGHTS = r'model\.pth.* no state_dict of weights by name'
CHECKPOINTS = {
    'empty': (write('model.pth', b''), UNREADABLE),
    'page of an error': (write('model.pth', '<html>404</html>' * 99),
                         UNREADABLE),
    'pointer of git-lfs': (write(
        'model.pth', 'version https://git-lfs.github.com/spec/v1\noid '
        'sha256:0\nsize 3\n'), UNREADABLE),
    **{f'cut at {share:.0%}': (write('model.pth', cut(share)), UNREADABLE)
       for share in (.1, .5, .999)},
    'missing': (lambda root: dict(path='none.pth'),
                r'no checkpoint .*none\.pth'),
    'a folder': (lambda root: dict(path='.'), 'data'),
    'old format': (saved(lambda *_: None,
                         _use_new_zipfile_serialization=False), loads),
    'weights alone': (saved(lambda checkpoint, state: state), loads),
    'prefix of several GPUs': (renamed('module.{}'.format), loads),
    'a list': (saved(lambda *_: [torch.zeros(1)]), NO_WEIGHTS),
    'None': (saved(lambda *_: dict(state_dict=None)), NO_WEIGHTS),
    'list of weights': (saved(lambda *_: dict(state_dict=[torch.zeros(1)])),
                        NO_WEIGHTS),
    'words for weights': (saved(lambda _, state: dict(
        state_dict=dict.fromkeys(state, 'x'))), NO_WEIGHTS),
    'meta that is none': (saved(lambda checkpoint, _: dict(
        checkpoint, meta='x')), r'model\.pth.*meta'),
    'no meta': (saved(lambda checkpoint, state: dict(state_dict=state)),
                loads),
    'nothing': (saved(lambda *_: {}), MISFIT.format('missing keys')),
    'another model': (renamed('decode_head.{}'.format),
                      MISFIT.format('unexpected key')),
    'a key more': (saved(lambda _, state: state.update(extra=torch.ones(1))),
                   MISFIT.format('unexpected key.*extra')),
    'a key less': (saved(lambda _, state: [state.pop('layer.bias')] and None),
                   MISFIT.format(r'missing key.*layer\.bias')),
    'other shape': (saved(lambda _, state: state.update({
        'layer.bias': torch.zeros(9)})),
        MISFIT.format(r'size mismatch for layer\.bias')),
    'half precision': (saved(lambda _, state: state.update({
        name: value.half() for name, value in state.items()})), loads),
    'NaN': (saved(lambda _, state: [
        state['layer.weight'].fill_(np.nan)] and None),
        r'model\.pth .*finite \(layer\.weight\).*earlier'),
    'infinite': (saved(lambda _, state: [state['layer.bias'].fill_(np.inf)]
                       and None), r'model\.pth .*finite \(layer\.bias\)'),
}
