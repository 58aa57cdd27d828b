# Copyright (c) mmteso contributors. All rights reserved.
"""Writing cue banks: each different phrase is encoded once."""
import os
from typing import List, Sequence, Tuple

import torch
from tqdm import tqdm

from mmteso.io import (CueBank, CueFile, FeatureFileError, normalize_phrase,
                       write_feature_file)


def collect_phrases(cue_files: Sequence[str] = (),
                    phrase_files: Sequence[str] = (),
                    phrases: Sequence[str] = ()) -> List[str]:
    """Find the different phrases that a cue bank is to hold.

    Args:
        cue_files (Sequence[str]): Cue files, of which all cues are taken.
        phrase_files (Sequence[str]): Text files in UTF-8 with a phrase per
            line; blank lines are passed over.
        phrases (Sequence[str]): Further phrases.

    Returns:
        list[str]: As :func:`mmteso.io.normalize_phrase` writes them, sorted.

    Raises:
        FileNotFoundError: If a file doesn't exist.
        CueFileError: If a cue file doesn't follow the format.
        ValueError: If something isn't a phrase, or there is none at all.
    """
    # by spelling, to be normalized once each, and where it was found
    spellings = dict.fromkeys(phrases, 'phrases')
    for path in phrase_files:
        with open(path, encoding='utf-8') as file:
            lines = [line.strip() for line in file]
        spellings.update(dict.fromkeys(filter(None, lines), path))
    for path in cue_files:
        for record in CueFile(path, cues_only=True).values():
            spellings.update(dict.fromkeys(record.cues, path))
    found = set()
    for spelling, where in spellings.items():
        phrase = normalize_phrase(spelling)
        # half of a surrogate pair is no text that a file could hold
        if not phrase or any('\ud800' <= sign <= '\udfff' for sign in phrase):
            raise ValueError(f'{where}: {spelling!r} is no phrase.')
        found.add(phrase)
    if not found:
        raise ValueError('There are no phrases to encode' +
                         ': all cues are empty.' * bool(cue_files))
    return sorted(found)


def write_cue_bank(path: str,
                   encoder,
                   phrases: Sequence[str],
                   update: bool = False,
                   batch_size: int = 64) -> Tuple[int, int]:
    """Encode phrases and write them to a cue bank.

    The file appears under its name only once it is complete.

    Args:
        path (str): The file.
        encoder (Callable): Maps a list of n phrases to a tensor (n, D), and
            has a method ``provenance()``.
        phrases (Sequence[str]): Different spellings of one are encoded once.
        update (bool): Add what is missing in an existing file and leave what
            it holds as it is, instead of replacing it. Defaults to False.
        batch_size (int): Phrases encoded at a time. Defaults to 64.

    Returns:
        tuple[int, int]: How many phrases were added and kept.

    Raises:
        FileNotFoundError: If there is no file to update.
        FeatureFileError: If the file to update is of another encoder, other
            weights or other settings; or the encoder gives no finite vectors
            of the length that it says.
    """
    if update and not os.path.isfile(path):
        raise FileNotFoundError(f'There is no cue bank "{path}" to update.')
    provenance = encoder.provenance()
    features = {}
    if update:
        bank = CueBank(path)
        ours, theirs = (
            dict(vars(p), **p.settings, settings=None)
            for p in (provenance, bank.provenance))
        wrong = '; '.join(
            f"{key} is {theirs.get(key)!r}, the encoder's {ours.get(key)!r}"
            for key in sorted(ours.keys() | theirs.keys())
            if ours.get(key) != theirs.get(key))
        if wrong:
            raise FeatureFileError(
                f'"{path}" was written by another encoder: {wrong}. Write '
                'another file, or all phrases anew')
        features.update(bank)
    kept = len(features)
    missing = sorted({normalize_phrase(p) for p in phrases} - features.keys())
    with tqdm(total=len(missing), unit='phrase', disable=None) as bar:
        for start in range(0, len(missing), batch_size):
            batch = missing[start:start + batch_size]
            with torch.no_grad():
                rows = encoder(batch).float().cpu()
            features.update(zip(batch, rows))
            bar.update(len(batch))
    if missing or not update:
        write_feature_file(path, features, provenance)
    return len(missing), kept
