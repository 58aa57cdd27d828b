# Copyright (c) mmteso contributors. All rights reserved.
"""Metadata and class sets."""
import json
import shutil

import pandas as pd

from .spoiling import FRAME, UID, cut, same, write


def table(change=None, **options):
    """The table of clips changed by a function of its data frame."""

    def spoil(root):
        rows = pd.read_csv(root / 'metadata.csv', dtype=str)
        rows = rows if change is None else change(rows)
        rows.to_csv(root / 'metadata.csv', index=False, **options)

    return spoil


def cell(**values):
    return table(lambda rows: rows.assign(**values))


def another(**values):
    """A second line, of another clip but for what is given."""
    return table(lambda rows: pd.concat([
        rows, rows.assign(**{'uid': 'another', 'split': 'train', **values})]))


def lines(change):
    return write('metadata.csv', lambda old: change(old.decode()).encode())


def names(change):
    """The file that numbers the classes."""

    def spoil(root):
        labels = json.loads((root / 'label2idx.json').read_text())
        (root / 'label2idx.json').write_text(json.dumps(change(labels)))

    return spoil


def classes(path, content, **metainfo):
    """A file of classes or colours of one's own."""

    def spoil(root):
        (root / 'label2idx.json').unlink()
        (root / path).write_bytes(content)
        return dict(metainfo=metainfo)

    return spoil


CSV = r'metadata\.csv'
OUTSIDE = CSV + r".*line 3: .*{}.*have no '\.\.'"
METADATA = {
    'missing': (lambda root: (root / 'metadata.csv').unlink(),
                'no metadata file .*metadata.csv; expected the CSV'),
    'empty': (write('metadata.csv', b''), CSV + ' lacks the columns'),
    'header alone': (table(lambda rows: rows[:0]), CSV + ' has no clip'),
    'JSON': (write('metadata.csv', '[{"uid": "a"}]'),
             CSV + ' lacks the columns'),
    'byte order mark': (table(encoding='utf-8-sig'), same()),
    'CRLF': (table(lineterminator='\r\n'), same()),
    'CR': (table(lineterminator='\r'), same()),
    'blank lines': (lines(lambda old: old.replace('\n', '\n\n')), same()),
    'no line break at the end': (lines(str.rstrip), same()),
    'quotation marks': (table(quoting=1), same()),
    'other order of columns': (table(lambda rows: rows[rows.columns[::-1]]),
                               same()),
    'further columns': (cell(note='a "b", c', more=''), same()),
    'required columns alone': (table(
        lambda rows: rows[['uid', 'a_obj', 'split', 'label']]), same()),
    'blanks around values': (table(lambda rows: ' ' + rows + ' '), same()),
    'blanks around names': (
        table(lambda rows: rows.add_prefix(' ').add_suffix(' ')), same()),
    'semicolons': (table(sep=';'), CSV + ' lacks the columns'),
    'tabs': (table(sep='\t'), CSV + ' lacks the columns'),
    'names in capitals': (table(lambda rows: rows.rename(columns=str.upper)),
                          CSV + ' lacks the columns'),
    'no header': (table(header=False), CSV + ' lacks the columns'),
    'column twice': (table(lambda rows: pd.concat([rows, rows.uid], axis=1)),
                     CSV + r'.* has one twice; it has .*\'uid\''),
    'UTF-16': (table(encoding='utf-16'), CSV + '" is no text in UTF-8'),
    'Latin-1': (another(vid='caf\xe9') and table(
        lambda rows: rows.assign(vid='caf\xe9'), encoding='latin-1'),
        CSV + '" is no text in UTF-8'),
    'a picture': (lambda root: shutil.copy(root / FRAME,
                                           root / 'metadata.csv'),
                  CSV + '" is no text in UTF-8'),
    'NUL in a uid': (another(uid='a\0b'), OUTSIDE.format('')),
    'fewer values': (lines(lambda old: old + 'a,b\n'),
                     CSV + ', line 3: more or fewer values'),
    'more values': (lines(lambda old: old.rstrip() + ',,,\n'),
                    CSV + ', line 2: more or fewer values'),
    'open quotation mark': (lines(lambda old: old.replace('v1m-', '"v1m-', 1)
                                  + 'x,y\n' * 9), CSV + ', line .*values'),
    'open quotation mark in a long file': (
        lines(lambda old: old.replace('v1m-', '"v1m-', 1) + 'x,y\n' * 50000),
        CSV + ', line .*: field larger'),
    'same clip twice': (another(uid=UID), CSV + ', line 3: uid .*no other'),
    'same video twice': (another(), same()),
    'empty uid': (another(uid=' '), CSV + ", line 3: uid ''"),
    'empty subset': (another(label=''), CSV + ", line 3: .*label ''"),
    'unknown split': (cell(split='tset'), CSV + " has no clip .*'tset'"),
    'split in capitals': (cell(split='TEST'), CSV + " has no clip .*'TEST'"),
    'another split besides': (another(split='holdout'), same()),
    'unknown subset': (cell(label='v9'), CSV + " has no clip .*'v9'"),
    'another subset besides': (another(label='v9'), same()),
    'unknown class': (another(a_obj='dragon'), CSV + ", line 3: .*'dragon'"),
    'class in capitals': (another(a_obj='Dog'), CSV + ", line 3: .*'Dog'"),
    'class with a blank': (another(a_obj='do g_h orse'), same()),
    'no object': (cell(a_obj=''), same()),
    **{f'uid {uid}': (another(uid=uid), OUTSIDE.format(''))
       for uid in ('..', '../v2', 'a/../../b', '/etc', './a', 'a/')},
    'subset ..': (another(label='..'), OUTSIDE.format("label '..'")),
    'uid of a folder that is not there': (
        cell(uid='other'), r'v1m/other/frames \(expected frames'),
    'classes counted from 1': (
        names(lambda old: {k: v + 1 for k, v in old.items()}), same()),
    'classes counted from 2': (
        names(lambda old: {k: v + 2 for k, v in old.items()}),
        r'label2idx\.json must number its classes 0'),
    'classes in another order': (
        names(lambda old: dict(reversed(old.items()))),
        r'label2idx\.json lists 71 .*metainfo'),
    'one class less': (names(lambda old: dict([*old.items()][:-1])),
                       r'label2idx\.json lists 70 classes, expected 71'),
    'classes as a list': (names(list), r'label2idx\.json must number'),
    'classes as a number': (names(len), r'label2idx\.json must hold an obj'),
    'class twice': (write('label2idx.json', '{"background": 0, '
                          '"background": 1}'), 'label2idx.json" is no JSON'),
    'classes cut': (write('label2idx.json', cut(.5)), 'json" is no JSON'),
    'classes in UTF-16': (write('label2idx.json', lambda old: old.decode(
        ).encode('utf-16')), same()),
    'own classes in Latin-1': (
        classes('own.txt', b'background\ncaf\xe9', classes='own.txt'),
        r'own\.txt" is no text in UTF-8'),
    'colours that are no numbers': (
        classes('own.txt', b'0 0 0\nred\n', palette='own.txt'),
        r"own\.txt must hold three numbers .*'red'"),
    'fewer colours than classes': (
        classes('own.txt', b'0 0 0\n', palette='own.txt'), 'for each of the '
        '71 classes'),
}
