# Copyright (c) mmteso contributors. All rights reserved.
"""Cutouts on disk."""
from typing import Mapping

from ..layout import README_FILES, Testbed

CUTOUTS = Testbed(
    name='cutouts testbed',
    what='cutouts, composed of photographs and recordings; not AVSBench',
    manifest='cutouts.json',
    tool='prepare_cutouts.py',
    source='cutouts',
    place='on a photograph',
    # Raise it with every change of what is generated.
    version=3,
    files=('LICENSE.txt', ))

README = f"""\
Cutouts: a testbed for audio-visual segmentation of real looks and sounds
=========================================================================

THIS IS NOT AVSBENCH. mmteso's tools/dataset_converters/prepare_cutouts.py
composed the clips (arguments, seed and statistics: cutouts.json) of
photographic cutouts, recordings and photographs by others, whose licences are
in LICENSE.txt and hold for this folder too. The files follow the layout of the
AVSBench-semantic release so that one data set class reads both. What is
measured here can't be compared with any published number.

{README_FILES}\
cues.jsonl                      text cues of each frame: the names of the
                                visible objects that could sound, in random
                                order
cue_bank.safetensors            a feature of each name: a fixed random vector
"""

_NOTICE = """\
The clips in this folder are composed of parts of three packages, cut, scaled,
turned and mixed by a program; they are derived works of them.

Pictures of objects, and recordings: "Tux Paint Stamps", copyright 2002-2022 by
Bill Kendrick and the contributors of Tux Paint, https://tuxpaint.org, as in
Debian's package tuxpaint-stamps-default. Licence: GNU General Public License,
version 2.

Backgrounds: "MATE Backgrounds", copyright 2005-2008 by the photographers that
its file AUTHORS names, https://mate-desktop.org, as in Debian's package
mate-backgrounds. Licence: GNU General Public License, version 2 or later.

Further backgrounds: photographs by Aitzol Berasategi, Abhishek Mudgal, Bolly,
Clements Engelhardt, freespace, Peter Nerlich and Sander Klootwijk, as in
Debian's package lomiri-wallpapers-16.04. Licences: Creative Commons
Attribution 4.0, Attribution-ShareAlike 4.0 and CC0 1.0, each as the package's
copyright file says.

They come without any warranty; the texts of the licences are at
https://www.gnu.org/licenses/old-licenses/gpl-2.0.txt (on Debian,
/usr/share/common-licenses/GPL-2), https://creativecommons.org/licenses/by/4.0
and https://creativecommons.org/licenses/by-sa/4.0. Whether they allow to pass
a mixture of all on to others is for you to find out.
"""


def licence_text(licences: Mapping[str, str]) -> str:
    """What ``LICENSE.txt`` says: a notice, and the packages' own texts."""
    parts = [_NOTICE]
    for package, text in licences.items():
        title = f'The copyright file of {package}'
        parts.append(f'{title}\n{"=" * len(title)}\n\n{text}')
    return '\n'.join(parts)
