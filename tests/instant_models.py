# Copyright (c) mmteso contributors. All rights reserved.
"""Captioner and reasoner without a model, for tests of what is around them.

Registered on import: name this module in a config's custom_imports.
"""
import time

from PIL import Image

from mmteso.text_cues import (CAPTIONERS, REASONERS, BaseCaptioner,
                              BaseReasoner, ModelUnavailableError, Reasoning)


def write_frames(folder, clips, length):
    """Write clips whose first pixels are 10 * clip + frame."""
    for clip in range(clips):
        (folder / f'clip{clip}').mkdir(parents=True)
        for t in range(length):
            Image.new('RGB', (4, 4), (10 * clip + t, 0, 0)).save(
                folder / f'clip{clip}' / f'{t}.png')
    return folder


@CAPTIONERS.register_module()
class ColourCaptioner(BaseCaptioner):
    """Says what colour the first pixel of each image has."""

    name = 'colour'

    def __init__(self, reads='frame', delay=0., prompt_hash='', log=None):
        self.log = log
        self.reads = reads
        self.delay = delay
        self.prompt_hash = prompt_hash
        self.prepared = []
        self.batches = []

    def prepare(self, frames):
        self.prepared.append([frame.key for frame in frames])

    def caption(self, frames):
        if self.log:
            with open(self.log, 'a') as file:
                file.writelines(f'{item.frame.key}\n' for item in frames)
        time.sleep(self.delay)
        self.batches.append([loaded.frame.key for loaded in frames])
        return [' '.join(str(image.getpixel((0, 0))[0])
                         for image in loaded.images) for loaded in frames]


@REASONERS.register_module()
class EchoReasoner(BaseReasoner):
    """Gives the caption's words as cues; fails for those it is told to."""

    name = 'echo'
    prompt_name = 'none'
    prompt_hash = 'ab'

    def __init__(self, fail=(), unavailable=(), delay=0., needs_caption=True):
        self.fail = {tuple(key) for key in fail}
        self.unavailable = {tuple(key) for key in unavailable}
        self.delay = delay
        self.needs_caption = needs_caption
        self.batches = []

    def reason(self, frames, captions):
        time.sleep(self.delay)
        keys = [frame.key for frame in frames]
        self.batches.append(keys)
        if self.unavailable & set(keys):
            raise ModelUnavailableError('the server is gone')
        return [Reasoning((), 'raw', 'no answer') if key in self.fail
                else Reasoning(tuple(caption.split()), f'echo of {caption}')
                for key, caption in zip(keys, captions)]
