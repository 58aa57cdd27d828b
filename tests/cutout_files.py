# Copyright (c) mmteso contributors. All rights reserved.
"""Stand-ins for the files that the cutouts testbed is made of."""
import numpy as np
import soundfile
from PIL import Image, ImageDraw

# name -> role, colours of its pictures, pitches of its sounds in Hz
CLASSES = {
    'red-disc': ('known', ['red', 'orange'], [300]),
    'lime-disc': ('known', ['lime'], [600, 700]),
    'blue-disc': ('known', ['blue'], [1000]),
    'cyan-disc': ('known', ['cyan'], [1500]),
    'magenta-disc': ('unseen', ['magenta'], [2200]),
    'white-disc': ('mute', ['white', 'yellow'], []),
    'black-disc': ('still', ['black'], []),
}


def write_cutout_files(root):
    """Write stamps/, backgrounds/ and catalogue.csv; the folder again."""
    rows = ['role,name,pictures,sounds,relatives,judged']
    for folder in ('stamps', 'backgrounds'):
        (root / folder).mkdir()
    for name, (role, colours, pitches) in CLASSES.items():
        stems = dict(pictures=[], sounds=[])
        for number, colour in enumerate(colours):
            stems['pictures'].append(f'{name}-{number}')
            picture = Image.new('RGBA', (60, 50))
            ImageDraw.Draw(picture).ellipse((5, 5, 52, 42), fill=colour)
            picture.save(root / 'stamps' / f'{name}-{number}.png')
        for number, pitch in enumerate(pitches):
            stems['sounds'].append(f'{name}-{number}')
            # half a second, shorter than what sounds in a frame
            time = np.arange(11025) / 22050
            soundfile.write(root / 'stamps' / f'{name}-{number}.ogg',
                            0.5 * np.sin(2 * np.pi * pitch * time), 22050)
        relative = 'red-disc' if role == 'unseen' else ''
        rows.append(f'{role},{name},{" ".join(stems["pictures"])},'
                    f'{" ".join(stems["sounds"])},{relative},drawn')
    for split, grey in dict(train=90, val=110, test=130).items():
        Image.new('RGB', (100, 80), (grey, ) * 3).save(
            root / 'backgrounds' / f'{split}.png')
        rows.append(f'background,{split},{split}.png,,,')
    (root / 'catalogue.csv').write_text('\n'.join(rows) + '\n')
    return root
