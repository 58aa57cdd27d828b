# Copyright (c) mmteso contributors. All rights reserved.
"""The files of the packages: fetched, found, read."""
import functools
import os
import os.path as osp
import subprocess
from glob import glob
from typing import Dict, Tuple

import numpy as np
from PIL import Image

from mmteso.audio import SAMPLE_RATE, read_waveform
from mmteso.choices import BACKGROUNDS, PACKAGES, STAMPS

_DOCUMENTATION = 'usr/share/doc'
_WINDOW = SAMPLE_RATE // 10


def fetch_packages(folder: str) -> Tuple[str, str]:
    """Download the packages with apt-get to a folder, unless they are there,
    and unpack them without installing: the folders of the stamps and of the
    backgrounds. A RuntimeError if apt-get or dpkg-deb is missing or fails."""
    os.makedirs(folder, exist_ok=True)
    for package in PACKAGES:
        if osp.isdir(osp.join(folder, _DOCUMENTATION, package)):
            continue
        try:
            subprocess.run(['apt-get', 'download', package], cwd=folder,
                           check=True)
            archive, = glob(osp.join(folder, f'{package}_*.deb'))
            subprocess.run(['dpkg-deb', '-x', archive, folder], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise RuntimeError(
                f'could not get the Debian package {package} ({error}); '
                'without apt-get download it by hand, unpack it, and name '
                'its folders: docs/cutouts.md') from error
        os.remove(archive)
    return osp.join(folder, STAMPS), osp.join(folder, BACKGROUNDS)


def _reduce(image: Image.Image, scale: float) -> Image.Image:
    """Make an image smaller, never larger."""
    if scale >= 1:
        return image
    width, height = (round(scale * length) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


class Sources:
    """Reads stamps, recordings and photographs from their folders, each once;
    a FileNotFoundError if there is no such folder."""

    def __init__(self, stamps: str, backgrounds: str) -> None:
        for folder in (stamps, backgrounds):
            if not osp.isdir(folder):
                raise FileNotFoundError(
                    f'there is no folder {folder}; install '
                    f'{", ".join(PACKAGES)}, or get them with --fetch')
        self.stamps = stamps
        self.backgrounds = backgrounds
        self.stamp = functools.lru_cache(maxsize=None)(self._stamp)
        self.recording = functools.lru_cache(maxsize=None)(self._recording)
        self.photograph = functools.lru_cache(maxsize=None)(self._photograph)

    def _stamp(self, name: str, side: int) -> Image.Image:
        """A cutout, RGBA, without its transparent margin, its longer side
        reduced to ``side``."""
        path = osp.join(self.stamps, f'{name}.png')
        with Image.open(path) as image:
            picture = image.convert('RGBA')
        box = picture.getchannel('A').point(
            lambda a: 255 * (a > 127)).getbbox()
        if box is None:
            raise ValueError(f'{path} is transparent all over')
        picture = picture.crop(box)
        return _reduce(picture, side / max(picture.size))

    def _recording(self, name: str) -> np.ndarray:
        """A recording, 16 kHz mono, without the silence at its ends, of unit
        RMS where it is loudest (tenths of a second in its upper half)."""
        path = osp.join(self.stamps, f'{name}.ogg')
        wave = read_waveform(path).astype(np.float64)
        level = np.array([
            np.sqrt(np.mean(wave[start:start + _WINDOW]**2))
            for start in range(0, len(wave), _WINDOW)
        ])
        if level.max() < 1e-4:
            raise ValueError(f'{path} is silent')
        loud = np.flatnonzero(level > 0.03 * level.max())
        wave = wave[loud[0] * _WINDOW:(loud[-1] + 1) * _WINDOW]
        heard = level[level > 0.1 * level.max()]
        upper = np.sort(heard)[len(heard) // 2:]
        return wave / np.sqrt(np.mean(upper**2))

    def seconds(self, name: str) -> float:
        """Length of a recording without the silence at its ends."""
        return len(self.recording(name)) / SAMPLE_RATE

    def _photograph(self, name: str, side: int) -> Image.Image:
        """A photograph, RGB, its shorter side reduced to ``side``."""
        with Image.open(osp.join(self.backgrounds, name)) as image:
            picture = image.convert('RGB')
        return _reduce(picture, side / min(picture.size))

    def licences(self) -> Dict[str, str]:
        """What the packages say of their licences, by package, as far as
        their documentation lies beside them."""
        found = {}
        for package in PACKAGES:
            for folder, below in ((self.stamps, STAMPS), (self.backgrounds,
                                                          BACKGROUNDS)):
                root = osp.join(folder, *['..'] * len(below.split('/')))
                path = osp.join(root, _DOCUMENTATION, package, 'copyright')
                if osp.isfile(path):
                    with open(path, encoding='utf-8') as file:
                        found[package] = file.read()
        return found
