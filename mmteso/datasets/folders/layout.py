# Copyright (c) mmteso contributors. All rights reserved.
"""Which layout of AVSBench a folder has, and the data sets that read it."""
import os.path as osp
from functools import cached_property
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

from mmengine.registry import DefaultScope

from mmteso.choices import FRAMES_PER_CLIP, check_choices
from ..avsbench import AVSBenchDataset
from ..avsbench_meta import AVSBENCH_CLASSES, get_class_set, read_classes
from ..avsbench_object import OBJECT_HOMES, AVSBenchObjectDataset, object_clip
from ..base_avs_dataset import BaseAVSDataset
from ..clip_metadata import read_clip_metadata
from ..clips import Clip, list_names

LAYOUTS = ('semantic', 'object')
MASK_FOLDERS = ('labels_rgb', 'labels_semantic')


def find_layout(root: str) -> str:
    """The layout of a folder, by its metadata: 'semantic' or 'object'; a
    FileNotFoundError if it has none, a ValueError if it has both."""
    signs = dict(
        semantic=['metadata.csv'],
        object=[
            f'{home}/{subset}_meta_data.csv'
            for subset, home in OBJECT_HOMES.items()
        ])
    found = [
        layout for layout, names in signs.items()
        if any(osp.isfile(osp.join(root, name)) for name in names)
    ]
    if len(found) == 1:
        return found[0]
    expected = ' or '.join(f'{" / ".join(names)} (layout {layout})'
                           for layout, names in signs.items())
    if found:
        raise ValueError(f'{root} holds both layouts of AVSBench: {expected}. '
                         'Say which one is meant.')
    raise FileNotFoundError(
        f'{root} holds no layout of AVSBench; expected {expected} in it. Is '
        'it the folder that holds the metadata?')


class DataFolder:
    """A folder in one of AVSBench's layouts, and the data sets that read it.

    Args:
        root (str): The folder that holds the metadata.
        layout (str, optional): 'semantic' or 'object'. Defaults to None: as
            found.
        subsets (Sequence[str], optional): Those to look at. Defaults to None:
            all that the metadata name.
        classes (str, optional): File of the class names. Only in the semantic
            layout. Defaults to None: ``classes.txt`` or ``label2idx.json`` in
            the folder, else AVSBench's.
        palette (str, optional): File of the masks' colours. Defaults to None:
            ``palette.txt`` in the folder, else VOC's.
        with_masks (bool): Whether there are masks. Defaults to True.
        cue_file (str, optional): Text cues, relative to ``root`` or absolute.
            Defaults to None: ``cues.jsonl`` if it is there.
        fps (float): Frames a second. Defaults to 1.

    Attributes:
        layout (str): 'semantic' or 'object'.
        subsets (list[str]): In the order of the metadata.

    Raises:
        FileNotFoundError, ValueError: If the folder has no layout, its
            metadata are wrong, or a subset isn't in them.
    """

    def __init__(self,
                 root: str,
                 layout: Optional[str] = None,
                 subsets: Optional[Sequence[str]] = None,
                 classes: Optional[str] = None,
                 palette: Optional[str] = None,
                 with_masks: bool = True,
                 cue_file: Optional[str] = None,
                 fps: float = 1.) -> None:
        self.root = osp.normpath(root)
        self.layout = layout or find_layout(root)
        check_choices(layout=(self.layout, LAYOUTS))
        self.with_masks = with_masks
        self.fps = fps
        self.metainfo = self._class_set(classes, palette)
        if cue_file is None and osp.isfile(osp.join(root, 'cues.jsonl')):
            cue_file = 'cues.jsonl'
        self.cue_file = cue_file
        known = list(dict.fromkeys(clip.subset for clip in self.clips))
        absent = [name for name in subsets or () if name not in known]
        if absent:
            raise ValueError(
                f'{root} has no subset {absent}; its metadata name {known}')
        self.subsets = [
            name for name in known if subsets is None or name in subsets
        ]

    def _class_set(self, classes: Optional[str],
                   palette: Optional[str]) -> Optional[dict]:
        """As a data set's ``metainfo``; None for AVSBench's own."""

        def given(path, *usual):
            if path is not None:
                return osp.abspath(path)
            return next((name for name in usual
                         if osp.isfile(osp.join(self.root, name))), None)

        classes = given(classes, 'classes.txt', 'label2idx.json')
        palette = given(palette, 'palette.txt')
        metainfo = {}
        if classes and set(read_classes(osp.join(
                self.root, classes))) != set(AVSBENCH_CLASSES):
            metainfo['classes'] = classes
        if palette:
            metainfo['palette'] = palette
        return metainfo or None

    @property
    def is_avsbench(self) -> bool:
        """Whether the classes are AVSBench's, or of its older release."""
        return self.layout == 'object' or 'classes' not in (
            self.metainfo or {})

    @cached_property
    def clips(self) -> List[Clip]:
        """The clips of all subsets, with the files of each."""
        return [
            clip for dataset in self._all_rows()
            for clip in dataset.list_clips()
        ]

    def _all_rows(self) -> Iterator[BaseAVSDataset]:
        if self.layout == 'object':
            for subset, home in OBJECT_HOMES.items():
                if osp.isfile(
                        osp.join(self.root, home, f'{subset}_meta_data.csv')):
                    yield self._build(subset)
            return
        names, _ = get_class_set(self.metainfo, self.root)
        rows = read_clip_metadata(f'{self.root}/metadata.csv', names, None,
                                  None)
        for subset in dict.fromkeys(row.subset for row in rows):
            yield self._build(subset)

    def home(self, subset: str) -> str:
        """Folder of a subset's clips."""
        if self.layout == 'object':
            subset = f'{OBJECT_HOMES[subset]}/{subset}_data'
        return f'{self.root}/{subset}'

    def sound_files(self, clip: Clip) -> Dict[str, str]:
        """Where a clip's sound lies: 'wav', and in the object layout
        'log_mel'."""
        if self.layout == 'semantic':
            return dict(wav=clip.audio[1])
        category = clip.a_obj[0] if clip.a_obj else None
        return {
            kind: object_clip(self.root, clip.subset, clip.uid, clip.split,
                              category, kind).audio[1]
            for kind in ('wav', 'log_mel')
        }

    def mask_folders_of(self, clip: Clip) -> Dict[str, str]:
        """Where a clip's masks lie, by the name of their form."""
        if self.layout == 'object':
            return dict(gt_masks=clip.masks)
        home = osp.dirname(clip.images)
        return {name: f'{home}/{name}' for name in MASK_FOLDERS}

    def picture_folders(self, clip: Clip) -> List[str]:
        """Folders of a clip's frames and of all its masks."""
        return [clip.images, *self.mask_folders_of(clip).values(),
                *[clip.visible] * bool(clip.visible)]

    def files_of(self, clip: Clip) -> Set[str]:
        """All files that something may read for a clip."""
        found = set(self.sound_files(clip).values())
        suffix = '.png' if self.layout == 'object' else '.jpg'
        for place, path in enumerate(self.picture_folders(clip)):
            prefix = clip.mask_prefix if place else clip.image_prefix
            count = clip.num_frames
            if place and clip.num_masks is not None and \
                    path != clip.visible:
                count = clip.num_masks
            numbers = [
                stem for stem, _ in map(osp.splitext, list_names(path) or ())
                if stem.isdecimal()
            ] if count is None else range(clip.first, clip.first + count)
            found |= {
                f'{path}/{prefix}{number}{".png" if place else suffix}'
                for number in numbers
            }
        return found

    def mask_folders(self, subset: str) -> List[str]:
        """Which of the two forms of a semantic subset's masks are there."""
        found = set()
        for clip in self.clips:
            if clip.subset == subset and len(found) < len(MASK_FOLDERS):
                found |= {*MASK_FOLDERS}.intersection(
                    list_names(osp.dirname(clip.images)) or ())
        return [name for name in MASK_FOLDERS if name in found
                ] or [MASK_FOLDERS[0]]

    def sounds(self, subset: str) -> List[str]:
        """The forms of an object subset's sound that are there: 'wav',
        'log_mel'."""
        return [
            kind for kind in ('wav', 'log_mel')
            if osp.isdir(f'{self.home(subset)}/audio_{kind}')
        ] or ['wav']

    def datasets(self, subset: str) -> Iterator[BaseAVSDataset]:
        """Data sets that together read every file of a subset once; the first
        gives each clip's sound (``audio_path``, if there is any)."""
        image = dict(type='LoadImageFromFile')
        masks = [dict(type='LoadAVSAnnotations')] * self.with_masks
        cues = [dict(type='LoadTextCues')] * bool(self.cue_file)
        sounds: Dict[str, dict] = dict(
            wav=dict(type='LoadAudioClip', clip_hop=1 / self.fps),
            log_mel=dict(type='LoadLogMel'))
        if self.layout == 'object':
            forms = [dict(audio=kind) for kind in self.sounds(subset)]
            others = [[sounds[form['audio']]] for form in forms[1:]]
        else:
            forms = [dict(mask_source=name)
                     for name in self.mask_folders(subset)]
            # the mask must have the picture's size
            others = [[image, *masks] for _ in forms[1:] if self.with_masks]
        sound = sounds[forms[0].get('audio', 'wav')]
        yield self._build(subset, [image, *masks, sound, *cues], **forms[0])
        for form, steps in zip(forms[1:], others):
            yield self._build(subset, steps, **form)
        if self.with_masks and any(
                clip.num_masks for clip in self.clips
                if clip.subset == subset):
            # pictures beyond those with a mask, which no training reads
            yield self._build(
                subset, [image], 'train', with_masks=False, **forms[0])

    def _build(self,
               subset: str,
               pipeline: Sequence[dict] = (),
               split: Optional[str] = None,
               **kwargs: Any) -> BaseAVSDataset:
        arguments: Dict[str, Any] = dict(
            data_root=self.root,
            split=split,
            pipeline=list(pipeline),
            with_masks=self.with_masks,
            cue_file=self.cue_file,
            lazy_init=True)
        arguments.update(kwargs)
        with DefaultScope.overwrite_default_scope('mmseg'):
            if self.layout == 'object':
                return AVSBenchObjectDataset(subset=subset, **arguments)
            if subset not in FRAMES_PER_CLIP:
                arguments['frames_per_clip'] = 'folder'
            return AVSBenchDataset(
                subsets=subset, metainfo=self.metainfo, **arguments)
