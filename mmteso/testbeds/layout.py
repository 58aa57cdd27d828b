# Copyright (c) mmteso contributors. All rights reserved.
"""Testbeds on disk: what they write, and what may be removed again."""
import contextlib
import json
import os
import os.path as osp
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from mmteso.io import read_json, write_file

#: Subset folder, and value of metadata.csv's column ``label``.
SUBSET = 'v2'

#: Folder -> suffix of the files that a video has one of per frame.
FRAME_FILES = {
    'frames': '.jpg',
    'labels_rgb': '.png',
    'labels_semantic': '.png',
    'labels_visible': '.png'
}

#: What every testbed's README.txt says of its files.
README_FILES = """\
metadata.csv, label2idx.json    as in AVSBench-semantic; every clip is in v2/
v2/UID/frames/T.jpg             the frame of second T
v2/UID/audio.wav                16 kHz mono; frame T sounds as [T, T + 1) s
v2/UID/labels_rgb/T.png         objects that sound in second T, VOC palette
v2/UID/labels_semantic/T.png    the same as class indices
v2/UID/labels_visible/T.png     class indices of all visible objects, sounding
                                or not (not part of AVSBench's layout)
"""

_INDEX_FILES = ('metadata.csv', 'label2idx.json', 'cues.jsonl',
                'cue_bank.safetensors', 'README.txt')


@dataclass(frozen=True)
class Testbed:
    """A kind of data set that is generated, and its folders.

    Attributes:
        name (str): As messages call it.
        what (str): What the manifest says that it is.
        manifest (str): File that notes how a folder was made.
        tool (str): The tool that writes it.
        source (str): As records of cues name it.
        place (str): Where its objects are, in the words of a caption.
        version (int): Of the generator: data with the same version and
            arguments is the same to the byte.
        later (Mapping): Arguments that a manifest holds only where they
            differ from these values, so that older manifests still say the
            same. Defaults to {}.
        files (tuple[str]): Further files that it writes besides the videos.
            Defaults to ().
    """
    __test__ = False  # no test case, whatever pytest makes of the name
    name: str
    what: str
    manifest: str
    tool: str
    source: str
    place: str
    version: int
    later: Mapping[str, Any] = field(default_factory=dict)
    files: Tuple[str, ...] = ()

    def read_manifest(self, out_dir: str) -> Dict[str, Any]:
        """What the generator noted: ``generator_version``, ``arguments``,
        ``complete`` (False if the run was interrupted), ``uids`` and
        ``statistics``. A FileNotFoundError if the folder holds no such data
        set."""
        path = osp.join(out_dir, self.manifest)
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'{out_dir} holds no {self.name}: {self.manifest} is missing; '
                f'write one with tools/dataset_converters/{self.tool}')
        return read_json(path)

    def is_up_to_date(self, out_dir: str, arguments: Dict[str, Any]) -> bool:
        """Whether a folder, which need not exist, holds just what these
        arguments of the generator would write: False too if the run was
        interrupted or by another version of the generator."""
        if not osp.isfile(osp.join(out_dir, self.manifest)):
            return False
        manifest = self.read_manifest(out_dir)
        return (manifest['complete']
                and manifest['arguments'] == self._shortened(arguments)
                and manifest['generator_version'] == self.version)

    def claim(self, out_dir: str, arguments: Dict[str, Any], uids: List[str],
              overwrite: bool) -> None:
        """Make a folder ready and note in it what is about to be written; a
        FileExistsError if it isn't empty and can't be overwritten."""
        if osp.isdir(out_dir) and os.listdir(out_dir):
            if not overwrite:
                raise FileExistsError(
                    f'{out_dir} is not empty; choose another folder, or '
                    f'replace the {self.name} in it with overwrite=True '
                    '(--overwrite)')
            if not osp.isfile(osp.join(out_dir, self.manifest)):
                raise FileExistsError(
                    f'{out_dir} is not empty and holds no {self.name} '
                    f'({self.manifest} is missing), so nothing in it is '
                    'overwritten; choose another folder')
            self._remove_previous(out_dir)
        os.makedirs(out_dir, exist_ok=True)
        self._write_manifest(
            out_dir,
            dict(
                what=self.what,
                generator_version=self.version,
                arguments=self._shortened(arguments),
                complete=False,
                uids=uids))

    def finish(self, out_dir: str, statistics: Dict[str, Any]) -> None:
        """Mark a data set as complete and note its statistics."""
        manifest = self.read_manifest(out_dir)
        manifest.update(complete=True, statistics=statistics)
        self._write_manifest(out_dir, manifest)

    def _shortened(self, arguments: Dict[str, Any]) -> Dict[str, Any]:
        return {
            key: value
            for key, value in arguments.items()
            if key not in self.later or self.later[key] != value
        }

    def _write_manifest(self, out_dir: str, manifest: Dict[str, Any]) -> None:
        write_file(
            osp.join(out_dir, self.manifest),
            json.dumps(manifest, indent=1) + '\n')

    def _written(self, manifest: Dict[str, Any]) -> Iterator[str]:
        """Paths, relative to the data set, of every file of a run."""
        for uid in manifest['uids']:
            if uid != osp.basename(uid) or uid in ('', '.', '..'):
                raise ValueError(
                    f'{self.manifest} names a video {uid!r}, which is no '
                    'plain folder name; remove the folder by hand')
            for kind, suffix in FRAME_FILES.items():
                for frame in range(manifest['arguments']['frames']):
                    yield osp.join(SUBSET, uid, kind, f'{frame}{suffix}')
            yield osp.join(SUBSET, uid, 'audio.wav')
        yield from _INDEX_FILES
        yield from self.files

    def _remove_previous(self, out_dir: str) -> None:
        """Remove the files of a previous run, and folders left empty."""
        for path in list(self._written(self.read_manifest(out_dir))):
            path = osp.join(out_dir, path)
            if osp.lexists(path):
                os.remove(path)
            with contextlib.suppress(OSError):  # other files are left in it
                os.removedirs(osp.dirname(path))
        # Last, so that an interrupted removal can be taken up again.
        os.remove(osp.join(out_dir, self.manifest))
