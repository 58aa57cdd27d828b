# Copyright (c) mmteso contributors. All rights reserved.
"""Loads AVSBench's masks, whatever they are written in."""
import functools
from typing import Optional, Sequence, Tuple

import mmcv
import mmengine.fileio as fileio
import numpy as np
from mmseg.registry import TRANSFORMS

from mmteso.choices import check_choices
from mmteso.io import decode_labels
from mmteso.logs import warn
from ..avsbench_meta import IGNORE_INDEX, voc_palette
from .base import AVSTransform, frame_name

# What a pixel's value is called, and what it has to be.
_KINDS = dict(
    rgb=('colour', 'those of the classes, or (224, 224, 192) for ignore'),
    index=('index', 'those of the classes, or 255 for ignore'),
    binary=('grey value', '0 and one other'))


@functools.lru_cache(maxsize=4)
def _color_table(palette: Tuple[Tuple[int, int, int], ...]) -> np.ndarray:
    """Label + 1 by packed 24-bit colour, 0 where no label has the colour; of
    its 32 MiB only the pages that are touched take memory."""
    table = np.zeros(1 << 24, np.uint16)
    ignore = voc_palette(256)[IGNORE_INDEX]
    for label, color in [(IGNORE_INDEX, ignore), *enumerate(palette)]:
        table[color[0] << 16 | color[1] << 8 | color[2]] = label + 1
    return table


def labels_from_rgb(rgb: np.ndarray,
                    palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Turn a colour mask, (H, W, 3) uint8 in RGB order, into labels, (H, W)
    int16: 255 where the VOC ignore colour (224, 224, 192) stands, -1 where
    the colour isn't in the palette."""
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
    table = _color_table(tuple(map(tuple, palette)))
    return table[red << 16 | green << 8 | blue].astype(np.int16) - 1


@TRANSFORMS.register_module()
class LoadAVSAnnotations(AVSTransform):
    """Load a frame's mask and make it the ground truth of the task.

    Reads colours (``labels_rgb``), class indices (``labels_semantic``) and
    the 0/255 masks of AVSBench-object; the first two give the same result.
    In the binary task every class but background becomes 1. Ignored pixels
    (index 255, or VOC's colour for it) stay 255. Where the data set has
    ``reduce_zero_label``, background becomes 255 too, and class 1 becomes 0.

    Required Keys:

    - seg_map_path, label_format ('rgb', 'index' or 'binary')
    - task ('binary' or 'semantic')
    - class_names (tuple[str], background first; None with 'binary' masks)
    - palette (RGB triples of ``class_names``, for 'rgb' masks), seg_fields
    - reduce_zero_label (optional; False if it isn't there)
    - visible_map_path (with ``load_visible`` or ``source='visible'``)
    - ori_shape (optional; the mask must have this size)
    - uid, frame, subset (optional; for error messages)

    Added Keys:

    - gt_seg_map (np.uint8): (H, W); {0, 1, 255} in the binary task, class
      index or 255 in the semantic task
    - frame_classes (tuple[str] | None): names of the classes with a pixel in
      this frame, without background; None if the file has no classes
    - unknown_pixels (int): pixels that ``unknown_color`` has settled, which
      :class:`DataCheckHook` reports
    - gt_visible_map (np.uint8, with ``load_visible``): (H, W), all visible
      objects, sounding or not, labelled as ``gt_seg_map``
    - gt_class_map (np.uint8, with ``load_classes``): (H, W), class index or
      255, whatever the task

    Modified Keys:

    - seg_fields

    Args:
        unknown_color (str): What to do with pixels whose colour is not in
            the palette, whose index is beyond the classes, or whose grey
            value is neither of a binary mask's two; AVSBench has some, strewn
            singly over a mask. 'ignore' makes them 255: no metric and no loss
            by pixel sees them (to losses by mask, as Mask2Former's, they lie
            outside of every object). 'background' makes them background,
            however many they are, as AVSBench's own loader does. 'error'
            names file and colours. Defaults to 'ignore'.
        max_unknown (float): With 'ignore', up to which share of a mask's
            pixels they are ignored; more are an error. Defaults to 0.01.
        load_visible (bool): Whether to load ``labels_visible`` too. Defaults
            to False.
        load_classes (bool): Whether to keep the classes that the binary task
            merges, for ``targets='class'`` of :class:`TeSOHead`. Defaults to
            False.
        source (str): 'sounding', the mask of the objects that sound; or
            'visible', ``labels_visible`` in its place (``frame_classes`` are
            then the visible ones), to pretrain a segmentor on everything that
            is to be seen, as ADE20K does for AVSBench. Defaults to
            'sounding'.
        no_mask (str): What a frame without a mask (``seg_map_path`` None: a
            data set with ``with_masks=False``) is: an 'error', or ignored as
            a whole with 'ignore', all 255, such as later frames of v1s train
            for a model that sees whole clips. Defaults to 'error'.
        backend_args (dict, optional): Those of mmengine's file backend.

    Raises:
        FileNotFoundError: A file isn't there, or the frame has no mask.
        ValueError: A file is broken, of another size than its frame, or has
            more pixels of unknown colour than allowed; or it has no classes,
            with ``load_classes``.
    """

    def __init__(self,
                 unknown_color: str = 'ignore',
                 max_unknown: float = 0.01,
                 load_visible: bool = False,
                 load_classes: bool = False,
                 source: str = 'sounding',
                 no_mask: str = 'error',
                 backend_args: Optional[dict] = None) -> None:
        check_choices(
            unknown_color=(unknown_color, ('ignore', 'background', 'error')),
            source=(source, ('sounding', 'visible')),
            no_mask=(no_mask, ('error', 'ignore')))
        if not 0 <= max_unknown <= 1:
            raise ValueError('max_unknown must be a share of the pixels in '
                             f'[0, 1], but got {max_unknown}')
        self.unknown_color = unknown_color
        self.max_unknown = max_unknown
        self.load_visible = load_visible
        self.load_classes = load_classes
        self.source = source
        self.no_mask = no_mask
        self.backend_args = backend_args
        self._warned = False

    def transform(self, results: dict) -> dict:
        if not {'label_format', 'task', 'seg_fields'} <= results.keys():
            raise KeyError(
                'LoadAVSAnnotations needs label_format, task and seg_fields, '
                'which AVSBenchDataset gives, but the sample has only '
                f"{sorted(results)}. mmseg's inference_model and "
                "MMSegInferencer can't pass sound and text; for data without "
                'ground truth drop LoadAVSAnnotations from the pipeline')
        key, label_format = 'seg_map_path', results['label_format']
        if self.source == 'visible':
            key, label_format = 'visible_map_path', 'index'
        results['unknown_pixels'] = 0
        labels = self._load(results, key, label_format)
        results['frame_classes'] = None
        if label_format != 'binary' and results[key] is not None:
            present = np.flatnonzero(np.bincount(labels.ravel()))
            results['frame_classes'] = tuple(
                results['class_names'][label] for label in present
                if label not in (0, IGNORE_INDEX))
        maps = dict(gt_seg_map=self._to_task(labels, results))
        if self.load_classes:
            if label_format == 'binary':
                raise ValueError(
                    f'{frame_name(results)}: load_classes=True needs a '
                    f'mask with classes, but {results[key]} is black and '
                    'white, as all of AVSBench-object. Use the AVSBench-'
                    "semantic release, or drop it and targets='class'")
            maps['gt_class_map'] = labels
        if self.load_visible:
            maps['gt_visible_map'] = self._to_task(
                self._load(results, 'visible_map_path', 'index'), results)
        results.update(maps)
        results['seg_fields'].extend(maps)
        return results

    @staticmethod
    def _to_task(labels: np.ndarray, results: dict) -> np.ndarray:
        """Merge the classes in the binary task; or ignore background."""
        ignored = labels == IGNORE_INDEX
        if results['task'] == 'binary':
            return np.where(ignored, labels, labels > 0)
        if results.get('reduce_zero_label'):
            # uint8: background, 0, becomes 255
            return np.where(ignored, labels, labels - 1)
        return labels

    def _load(self, results: dict, key: str, label_format: str) -> np.ndarray:
        """Read one file as (H, W) uint8 labels of the class set."""
        path = results.get(key)
        where = frame_name(results)
        if path is None:
            if self.no_mask == 'ignore' and key == 'seg_map_path':
                return np.full(results['ori_shape'][:2], IGNORE_INDEX,
                               np.uint8)
            remedy = 'LoadAVSAnnotations' if key == 'seg_map_path' else \
                "load_visible=True and source='visible'"
            raise FileNotFoundError(f'{where} has no {key}; for data without '
                                    f'it drop {remedy} from the pipeline')
        image = self._decode(path, where, label_format)
        if label_format == 'rgb':
            labels = labels_from_rgb(image, results['palette'])
            unknown = labels < 0
        elif label_format == 'index':
            with np.errstate(invalid='ignore'):  # of NaN
                labels = image.astype(np.int32)
            known = len(results['class_names'])
            unknown = (labels != image) | (labels < 0) | (
                (labels >= known) & (labels != IGNORE_INDEX))
            if labels.max() == IGNORE_INDEX and not self._warned and \
                    np.unique(labels).tolist() == [0, IGNORE_INDEX]:
                self._warned = True
                warn(f'{where}: the mask {path} holds 0 and 255 alone, and '
                     '255 is ignored. If its object is white, write the index '
                     'of its class there (in the binary task 1 will do).')
        else:  # 0 and the most frequent other value
            counts = np.bincount(image.ravel())
            counts[0] = 0
            labels = (image > 0).astype(np.uint8)
            unknown = (image > 0) & (image != counts.argmax())
        count = int(np.count_nonzero(unknown))
        if count:
            self._check_unknown(image[unknown], unknown.size, label_format,
                                path, where)
            labels[unknown] = 0 if self.unknown_color == 'background' else \
                IGNORE_INDEX
            results['unknown_pixels'] += count
        expected = results.get('ori_shape')
        if expected is not None and labels.shape != tuple(expected[:2]):
            turned = labels.shape == tuple(expected[1::-1])
            raise ValueError(
                f'{where}: the mask {path} has height x width '
                f'{labels.shape[0]} x {labels.shape[1]}, expected the '
                f'{expected[0]} x {expected[1]} of its frame '
                f'{results.get("img_path")}' +
                ', which is turned if its EXIF orientation says so: turn the '
                'mask, too' * turned)
        return labels.astype(np.uint8)

    def _decode(self, path: str, where: str, label_format: str) -> np.ndarray:
        """Decode a mask: (H, W, 3) RGB, (H, W) indices or (H, W) grey."""
        try:
            content = fileio.get(path, backend_args=self.backend_args)
        except OSError as err:
            raise type(err)(
                f"{where}: the mask {path} can't be read ({err}); copy it "
                "anew, or leave such frames out: missing='skip'") from err
        try:
            if label_format == 'index':
                image = decode_labels(content)
            else:
                image = mmcv.imfrombytes(
                    content,
                    flag=dict(rgb='color', binary='grayscale')[label_format],
                    channel_order='rgb',
                    backend='pillow')
        except Exception as err:  # each decoder has its own kinds
            raise ValueError(
                f"{where}: the mask {path} can't be decoded ({len(content)} "
                'bytes); expected a PNG. The file is broken or cut short: '
                'copy it anew') from err
        if label_format == 'index' and image.ndim != 2:
            raise ValueError(
                f'{where}: the mask {path} has the shape {image.shape}; '
                'expected one channel of class indices (a colour mask is '
                "read with mask_source='labels_rgb')")
        return image

    def _check_unknown(self, values: np.ndarray, size: int,
                       label_format: str, path: str, where: str) -> None:
        """Refuse pixels without meaning where they may not be settled."""
        share = len(values) / size
        if self.unknown_color == 'background' or (
                self.unknown_color == 'ignore' and share <= self.max_unknown):
            return
        different = np.unique(values, axis=0)
        shown = ', '.join(
            str(tuple(value.tolist()) if value.ndim else value.item())
            for value in different[:5]) + ', ...' * (len(different) > 5)
        kind, expected = _KINDS[label_format]
        raise ValueError(
            f'{where}: {len(values)} of {size} pixels of {path} have an '
            f'unknown {kind}: {shown}. Expected {expected}. Mend the file; or '
            'LoadAVSAnnotations ignores them where they are at most '
            f'max_unknown of a frame (unknown_color={self.unknown_color!r}, '
            f'max_unknown={self.max_unknown}, here {share:.4f})')
