# Copyright (c) mmteso contributors. All rights reserved.
"""From a clip to masks of what sounds in it."""
import itertools
import os
from contextlib import nullcontext
from typing import (Any, ContextManager, Iterable, Iterator, List, Optional,
                    Sequence, Tuple, Union)

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from tqdm import tqdm

from mmteso.choices import SAVE, check_choices
from mmteso.datasets.avsbench_meta import (BINARY_CLASSES, BINARY_PALETTE,
                                           get_class_set)
from mmteso.engine.sound_steps import dataloader_of, dataset_configs
from mmteso.video import Sound
from .clip_files import ClipWriter
from .clip_pipeline import ClipPipeline, Condition
from .clips import Clip, ClipInput, Step
from .cues import ConfigLike, CueFeatures, CueSource
from .inference import init_model
from .results import Cue, FrameResult

_AMP = {'bf16': torch.bfloat16, 'fp16': torch.float16}
# frames of a still picture that are predicted together
_STILL_BATCH = 16


class AVSInferencer:
    """Segments what sounds in clips.

    >>> inferencer = AVSInferencer('configs/teso/teso-cue_r18_synthavs.py',
    ...                            'work_dirs/demo/train/iter_1600.pth')
    >>> for frame in inferencer.stream('clip.mp4', cues=['dog', 'man']):
    ...     print(frame.time, frame.mask.mean(), frame.cues)

    Any model that encodes an image once for several sounds
    (``test_sounds_step``: :class:`AudioTextSegmentor` with any head,
    :class:`ZeroShotAVS`), binary or semantic. Pictures and sound go the way
    of the config's test pipeline, but for what reads a data set's files.

    Args:
        config (str | Config): Of the model.
        checkpoint (str, optional): Weights. Defaults to None, for models
            that bring theirs (``configs/zero_shot/``).
        device (str, optional): Defaults to None: a GPU if there is one.
        cfg_options (dict, optional): Settings that replace the config's.
            Defaults to None.
        text_encoder (str | dict, optional): Config of the text encoder for
            cues that the model's cue bank has not (``configs/text_features``).
            Defaults to None: the config's field ``text_encoder``, if it has
            one.

    Attributes:
        model (nn.Module): In eval mode.
        classes (tuple[str]): Of the masks, background first.
        palette (list): Their colours.
        semantic (bool): Whether masks hold classes.

    Raises:
        ValueError: If the model needs a checkpoint, or can't be used.
        RuntimeError: If the checkpoint doesn't fit.
    """

    def __init__(self,
                 config: Union[str, os.PathLike, Config],
                 checkpoint: Optional[str] = None,
                 device: Optional[str] = None,
                 cfg_options: Optional[dict] = None,
                 text_encoder: Optional[ConfigLike] = None) -> None:
        self.model = init_model(config, checkpoint, device, cfg_options)
        self.cfg: Config = self.model.cfg  # type: ignore[assignment]
        brings = getattr(self.model, 'brings_weights', False)
        if checkpoint is None and not brings:
            raise ValueError(
                f'{type(self.model).__name__} needs a checkpoint; without one '
                'it is random. configs/zero_shot/ need no training.')
        if not hasattr(self.model, 'test_sounds_step'):
            raise ValueError(
                f'{type(self.model).__name__} has no test_sounds_step; take '
                'an AudioTextSegmentor, which any head of mmseg fits in.')
        dataset = next(
            dataset_configs(dataloader_of(self.cfg, 'test')['dataset']))
        bank: Optional[str] = dataset.get('cue_bank')
        root = dataset.get('data_root') or ''
        encoder = getattr(self.model, 'audio_encoder', None)
        self._pipeline = ClipPipeline(
            dataset['pipeline'], getattr(encoder, 'input_key', 'log_mel'))
        if bank is not None and self.reads_cues:
            self._pipeline.features = CueFeatures(
                os.path.join(root, bank), text_encoder
                or self.cfg.get('text_encoder'))
        head = getattr(self.model, 'decode_head', self.model)
        self.semantic = getattr(head, 'num_classes', 2) > 2
        trained = getattr(self.model, 'dataset_meta', None) or {}
        if trained.get('classes'):
            self.classes = tuple(trained['classes'])
            self.palette = list(trained['palette'])
        elif self.semantic:
            self.classes, self.palette = get_class_set(
                dataset.get('metainfo'), root)
        else:
            self.classes, self.palette = BINARY_CLASSES, BINARY_PALETTE

    @property
    def reads_cues(self) -> bool:
        """Whether the model reads text cues."""
        return self._pipeline.num_cues is not None

    @property
    def num_cues(self) -> int:
        """How many cues of a frame count; what follows is left out."""
        return self._pipeline.num_cues or 0

    @property
    def known_cues(self) -> List[str]:
        """Those in the model's cue bank, which need no text encoder."""
        features = self._pipeline.features
        return features.known if features else []

    def stream(self, clip: Union[ClipInput, Clip], sound: Any = 'normal',
               **options: Any) -> Iterator[FrameResult]:
        """Find what sounds, frame by frame; memory doesn't grow with length.

        Args:
            clip (ClipInput): See :data:`mmteso.apis.CLIP_FORMS`.
            sound (str | SOUND): See :class:`Condition`.
                Defaults to 'normal'.
            **options: See :meth:`compare`.

        Yields:
            FrameResult: For each step.
        """
        return (result for result, in self.compare(
            clip, [Condition(sound)], **options))

    def compare(self,
                clip: Union[ClipInput, Clip],
                conditions: Sequence[Condition],
                cues: Union[Sequence[str], CueSource, None] = None,
                cue_file: Optional[str] = None,
                cue_generator: Optional[ConfigLike] = None,
                fps: float = 1.,
                threshold: Optional[float] = None,
                batch_size: int = 4,
                amp: Optional[str] = None,
                allow_silent: bool = False
                ) -> Iterator[Tuple[FrameResult, ...]]:
        """Hear several sounds, or cues, for the same pictures.

        A picture is encoded once, however many they are. The sound of step
        ``i`` is the second that ends at ``(i + 1) / fps``: the frame's own at
        one frame a second, as in the paper; a sliding one with more. Where a
        model's window is longer, it lies around the middle of that second.

        Args:
            clip (ClipInput): See :data:`mmteso.apis.CLIP_FORMS`.
            conditions (Sequence[Condition]): Sounds and cues.
            cues (Sequence[str], optional): What could sound in all frames.
            cue_file (str, optional): A cue file; the clip's name is the uid.
            cue_generator (str | dict, optional): Config that generates cues
                (``configs/text_cues/``). One of the three is needed by models
                that read cues, unless each condition has its own.
            fps (float): Frames a second. Defaults to 1, as in the paper.
            threshold (float, optional): Pixels sound above this score.
                Defaults to None: 0.5; in the semantic task what has the
                highest score.
            batch_size (int): Frames that are encoded together.
                Defaults to 4.
            amp (str, optional): 'bf16' or 'fp16', automatic mixed precision.
                Defaults to None: float32.
            allow_silent (bool): Take a clip without sound for silence.
                Defaults to False.

        Yields:
            tuple[FrameResult]: For each step, one by condition.

        Raises:
            ValueError: If cues are missing, or an option is unknown.
            FileNotFoundError, MediaError: If a file can't be read.
        """
        if not isinstance(clip, Clip):
            clip = Clip(clip, allow_silent)
        check_choices(amp=(amp, (None, *_AMP)))
        source = None
        if self.reads_cues and any(c.cues is None for c in conditions):
            source = cues if isinstance(cues, CueSource) else CueSource(
                cues, cue_file, cue_generator)
        alters = [condition.alter for condition in conditions]
        sounds: List[Optional[Sound]] = [None] * len(conditions)
        if self._pipeline.reads_sound:
            own = clip.sound(self._pipeline.rate) if any(
                c.other is None for c in conditions) else None
            sounds = [own if c.other is None else clip.sound(
                self._pipeline.rate, c.other) for c in conditions]
        return self._compare(
            clip, list(zip(conditions, alters, sounds)), source,
            clip.fps(fps), threshold, batch_size, amp)

    @torch.no_grad()
    def _compare(self, clip: Clip,
                 conditions: Sequence[Tuple[Condition, Compose,
                                            Optional[Sound]]],
                 source: Optional[CueSource], fps: float,
                 threshold: Optional[float], batch_size: int,
                 amp: Optional[str]) -> Iterator[Tuple[FrameResult, ...]]:
        pipeline = self._pipeline
        # a still picture is encoded once for all the seconds of a batch
        still = clip.kind == 'image'
        for batch in _batched(
                clip.steps(fps), _STILL_BATCH if still else batch_size):
            indices, _, images = zip(*batch)
            found: List[Tuple[Sequence[str], str]] = [((), '')] * len(batch)
            if source:
                found = source(clip.name, indices, images)
            seen = [pipeline.see(clip, step, self.classes)
                    for step in (batch[:1] if still else batch)]
            if still:
                seen *= len(batch)
            # of each condition, with all the pictures; sounds are read forward
            items: List[List[tuple]] = [[] for _ in conditions]
            for index, picture, generated in zip(indices, seen, found):
                for own, (condition, alter, sound) in zip(items, conditions):
                    names, problem = generated
                    if condition.cues is not None:
                        names, problem = condition.cues, ''
                    packed, heard = pipeline.pack(
                        dict(picture, frame=index),
                        pipeline.window(index, fps, sound), alter, names)
                    own.append((packed, heard, problem))
            samples = iter(self._predict(
                [packed for own in items for packed, _, _ in own],
                1 if still else len(batch), amp))
            results = [[
                self._result(step, next(samples), heard, problem, threshold)
                for step, (_, heard, problem) in zip(batch, own)
            ] for own in items]
            yield from zip(*results)

    def _predict(self, packed: Sequence[dict], size: int,
                 amp: Optional[str]) -> list:
        """Samples of frames, in batches that show the same pictures."""
        batches = [pseudo_collate(packed[start:start + size])
                   for start in range(0, len(packed), size)]
        device = next(
            itertools.chain(self.model.parameters(), self.model.buffers()),
            torch.zeros(0)).device.type
        cast: ContextManager = torch.autocast(
            device, _AMP[amp]) if amp else nullcontext()
        with cast:
            results = self.model.test_sounds_step(batches)  # type: ignore
        return [sample for batch in results for sample in batch]

    def _result(self, step: Step, sample: Any, heard: np.ndarray,
                problem: str, threshold: Optional[float]) -> FrameResult:
        names = sample.metainfo.get('text_cues', [])
        cues = [Cue(name) for name in names]
        if 'cue_scores' in sample:
            cues = [
                Cue(name, float(value), bool(kept)) for name, value, kept in
                zip(names, sample.cue_scores, sample.cue_kept)
            ]
        score = sample.sounding_score.data[0].float().cpu()
        best = None
        if self.semantic:
            best = sample.seg_logits.data[1:].argmax(0).cpu() + 1
            best = best.numpy().astype(np.uint8)
        frame = FrameResult(
            index=step[0], time=step[1],
            mask=sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8),
            score=score.numpy(), cues=cues, image=step[2],
            sound=heard, sample_rate=self._pipeline.rate, best=best,
            problem=problem)
        if self.semantic and threshold is None:
            return frame
        return frame.at(.5 if threshold is None else threshold)

    def write(self,
              clip: Union[ClipInput, Clip],
              out_dir: Union[str, os.PathLike],
              save: Sequence[str] = SAVE,
              sound: Any = 'normal',
              *,
              fps: float = 1.,
              allow_silent: bool = False,
              progress: bool = False,
              **options: Any) -> dict:
        """Find what sounds in a clip and write it into ``out_dir/NAME/``.

        Args:
            clip (ClipInput): See :data:`mmteso.apis.CLIP_FORMS`.
            out_dir (str): The folder.
            save (Sequence[str]): Which of 'masks', 'overlays', 'video' and
                'html' (:class:`ClipWriter`). Defaults to all.
            sound (str | SOUND): See :class:`Condition`.
                Defaults to 'normal'.
            fps, allow_silent, options: See :meth:`compare`: ``cues``,
                ``cue_file``, ``cue_generator``, ``threshold``, ...
            progress (bool): Show a progress bar. Defaults to False.

        Returns:
            dict: What ``result.json`` holds, see :class:`ClipWriter`.
        """
        if not isinstance(clip, Clip):
            clip = Clip(clip, allow_silent)
        frames = self.stream(clip, sound, fps=fps, **options)
        rate = clip.fps(fps)
        writer = ClipWriter(out_dir, clip, rate, save, self.classes,
                            self.palette, self.semantic,
                            keep_sound=sound != 'normal')
        for frame in tqdm(frames, total=clip.num_steps(rate), unit='frame',
                          desc=clip.name, disable=not progress):
            writer.add(frame)
        return writer.finish()

    def __call__(self,
                 inputs: Any,
                 out_dir: Optional[str] = None,
                 **options: Any) -> Any:
        """Find what sounds in one clip, or in several.

        Args:
            inputs (ClipInput | list[ClipInput]): See
                :data:`mmteso.apis.CLIP_FORMS`.
            out_dir (str, optional): Folder for the results. Defaults to None:
                nothing is written, and all is kept in memory.
            **options: See :meth:`stream`, and with ``out_dir``
                :meth:`write`.

        Returns:
            list[FrameResult] | dict: Without ``out_dir`` the frames; with it
            what ``result.json`` holds. A list of these for several clips.
        """
        if isinstance(inputs, (list, tuple)):
            return [self(clip, out_dir, **options) for clip in inputs]
        if out_dir is None:
            return list(self.stream(inputs, **options))
        return self.write(inputs, out_dir, **options)


def _batched(steps: Iterable[Step], size: int) -> Iterator[List[Step]]:
    steps = iter(steps)
    while batch := list(itertools.islice(steps, size)):
        yield batch
