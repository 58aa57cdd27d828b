# Copyright (c) mmteso contributors. All rights reserved.
"""From a clip to masks of what sounds in it."""
import itertools
import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import (Any, ContextManager, Dict, Iterable, Iterator, List,
                    Optional, Sequence, Tuple, Union)

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmseg.registry import TRANSFORMS
from tqdm import tqdm

from mmteso.audio import EXAMPLE_SECONDS, SAMPLE_RATE
from mmteso.choices import SAVE, audio_condition_transform
from mmteso.datasets.avsbench_meta import get_class_set
from mmteso.engine.sound_steps import (FRONT_ENDS, dataloader_of,
                                       dataset_configs, type_name)
from mmteso.video import Sound
from .clip_files import ClipWriter
from .clips import Clip, ClipInput, Step
from .cues import NO_CUES, ConfigLike, CueFeatures, CueSource
from .inference import init_model
from .results import Cue, FrameResult

_AMP = {'bf16': torch.bfloat16, 'fp16': torch.float16}
# of a test pipeline: replaced here, since they read the files of a data set
_SOURCES = ('LoadAudioClip', 'LoadLogMel', 'LoadAudioFeatures')
_REPLACED = ('LoadImageFromFile', 'LoadAVSAnnotations', *_SOURCES)
_SOUND = (*FRONT_ENDS, 'MeasureSoundLevel')


@dataclass
class Condition:
    """A sound, and cues, for the pictures of a clip.

    Attributes:
        sound (str | tuple): 'normal', the clip's own; 'mute'; 'noise' (as
            'wgn-10db') or 'wgn-{level}db', white Gaussian noise that many dB
            below the sound; or another SOUND, a file or (waveform, rate).
        cues (Sequence[str], optional): In place of the clip's cues.
            Defaults to None.
    """
    sound: Any = 'normal'
    cues: Optional[Sequence[str]] = None

    def __post_init__(self) -> None:
        if isinstance(self.sound, str) and self.sound == 'noise':
            self.sound = 'wgn-10db'

    @property
    def other(self) -> Any:
        """The other SOUND, if it is one."""
        if not isinstance(self.sound, str) or os.path.exists(self.sound):
            return self.sound
        audio_condition_transform(self.sound)  # refuses unknown names
        return None

    @property
    def alters(self) -> Optional[dict]:
        """The transform that alters the sound, if one does."""
        if self.other is not None:
            return None
        if self.sound == 'off-screen':
            raise ValueError("a clip has no 'off-screen' sound: give a file")
        return audio_condition_transform(self.sound)


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
        self._set_pipeline(dataset['pipeline'])
        bank: Optional[str] = dataset.get('cue_bank')
        root = dataset.get('data_root') or ''
        self._features: Optional[CueFeatures] = None
        if bank is not None and self._num_cues is not None:
            self._features = CueFeatures(
                os.path.join(root, bank), text_encoder
                or self.cfg.get('text_encoder'))
        head = getattr(self.model, 'decode_head', self.model)
        self.semantic = getattr(head, 'num_classes', 2) > 2
        self.classes, self.palette = self._class_set(dataset, root)

    def _class_set(self, dataset: dict, root: str) -> Tuple[tuple, list]:
        trained = getattr(self.model, 'dataset_meta', None) or {}
        if trained.get('classes'):
            return tuple(trained['classes']), list(trained['palette'])
        if not self.semantic:
            return ('background', 'sounding'), [[0, 0, 0], [255, 255, 255]]
        return get_class_set(dataset.get('metainfo'), root)

    def _set_pipeline(self, pipeline: Sequence[dict]) -> None:
        """Take a test pipeline apart: picture, sound, cues, packing."""
        names = [type_name(step) for step in pipeline]
        sources = [step for step, name in zip(pipeline, names)
                   if name in _SOURCES]
        sound = [step for step, name in zip(pipeline, names)
                 if name in _SOUND]
        self._rate = SAMPLE_RATE
        self._window: Optional[float] = None
        self._reads_sound = bool(sources)
        if sources and type_name(sources[0]) == 'LoadAudioClip':
            loader = TRANSFORMS.build(sources[0])
            self._rate, self._window = loader.sample_rate, loader.window
        elif sources:
            encoder = getattr(self.model, 'audio_encoder', None)
            if getattr(encoder, 'input_key', 'log_mel') != 'log_mel':
                raise ValueError(
                    f'the config reads {type_name(sources[0])}, which clips '
                    'have not: take the config with LoadAudioClip.')
            sound = [dict(type='AudioToLogMel')]
        cues = [step for step, name in zip(pipeline, names)
                if name == 'LoadTextCues']
        self._num_cues = cues[0].get('num_cues', 4) if cues else None
        last = [step for step, name in zip(pipeline, names)
                if name in ('CuesToClasses', 'PackAVTInputs')]
        taken = {*_REPLACED, *_SOUND, 'LoadTextCues', 'CuesToClasses',
                 'PackAVTInputs'}
        self._see = Compose([step for step, name in zip(pipeline, names)
                             if name not in taken])
        self._listen, self._pack = Compose(sound), Compose(last)

    @property
    def reads_cues(self) -> bool:
        """Whether the model reads text cues."""
        return self._num_cues is not None

    @property
    def num_cues(self) -> int:
        """How many cues of a frame count; what follows is left out."""
        return self._num_cues or 0

    @property
    def known_cues(self) -> List[str]:
        """Those in the model's cue bank, which need no text encoder."""
        return self._features.known if self._features is not None else []

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
        for result, in self.compare(clip, [Condition(sound)], **options):
            yield result

    @torch.no_grad()
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
        source = self._cue_source(conditions, cues, cue_file, cue_generator)
        fps = clip.fps(fps)
        if amp is not None and amp not in _AMP:
            raise ValueError(f'amp must be one of {[*_AMP]}, but got {amp!r}')
        sounds: Dict[int, Optional[Sound]] = {}
        alters = [Compose([c.alters] if c.alters else []) for c in conditions]
        own = clip.sound(self._rate) if self._reads_sound and any(
            c.other is None for c in conditions) else None
        for number, condition in enumerate(conditions):
            other = condition.other if self._reads_sound else None
            sounds[number] = own if other is None else clip.sound(
                self._rate, other)
        # a still picture is encoded once for all the seconds of a batch
        still = clip.kind == 'image'
        for batch in _batched(clip.steps(fps), 16 if still else batch_size):
            names = source(clip.name, [step for step, _, _ in batch],
                           [image for _, _, image in batch]) if source else [
                               [] for _ in batch]
            seen = [self._see(self._picture(clip, step)) for step in
                    (batch[:1] if still else batch)] * (
                        len(batch) if still else 1)
            heard = [self._windows(step, fps, own, sounds) for step in batch]
            packed = [[
                self._packed(
                    dict(seen[i], frame=batch[i][0]), heard[i][number],
                    alters[number],
                    names[i] if condition.cues is None else condition.cues)
                for i in range(len(batch))
            ] for number, condition in enumerate(conditions)]
            samples = self._predict(
                [item for items in packed for item in items],
                1 if still else len(batch), amp)
            for i, step in enumerate(batch):
                yield tuple(
                    self._result(step, samples[number * len(batch) + i],
                                 packed[number][i], threshold)
                    for number in range(len(conditions)))

    def _cue_source(self, conditions: Sequence[Condition], cues: Any,
                    cue_file: Optional[str],
                    generator: Optional[ConfigLike]) -> Optional[CueSource]:
        if not self.reads_cues or isinstance(cues, CueSource):
            return cues if self.reads_cues else None
        given = cues is not None or cue_file or generator
        if not given and all(c.cues is not None for c in conditions):
            return None
        if not given:
            raise ValueError(NO_CUES)
        return CueSource(cues, cue_file, generator)

    def _picture(self, clip: Clip, step: Step) -> dict:
        """What LoadImageFromFile would have loaded."""
        index, _, image = step
        return dict(
            uid=clip.name, frame=index, img_path=clip.origin,
            img=np.ascontiguousarray(image[..., ::-1]),
            img_shape=image.shape[:2], ori_shape=image.shape[:2],
            class_names=tuple(self.classes), reduce_zero_label=False,
            seg_fields=[])

    def _windows(self, step: Step, fps: float, own: Optional[Sound],
                 sounds: Dict[int, Optional[Sound]]) -> List[np.ndarray]:
        """A step's window of each condition's sound."""
        end, seconds = (step[0] + 1) / fps, self._window or EXAMPLE_SECONDS
        start = end - 1
        if self._window is not None:  # around the middle of the second
            start = end - .5 - seconds / 2
        shortest = EXAMPLE_SECONDS if self._window else None
        cut: Dict[int, np.ndarray] = {}
        for sound in {id(s): s for s in sounds.values()}.values():
            cut[id(sound)] = np.zeros(
                round(seconds * self._rate), np.float32
            ) if sound is None else sound.window(start, seconds, shortest)
        return [cut[id(sounds[number])] for number in sorted(sounds)]

    def _packed(self, results: dict, waveform: np.ndarray, alter: Compose,
                cues: Sequence[str]) -> dict:
        """A frame with one sound and its cues, as a data set packs it."""
        if self._reads_sound:
            results.update(
                waveform=waveform.copy(), sample_rate=self._rate,
                audio_condition='normal')
            results = alter(results)
        heard = results.get('waveform', waveform)
        results = self._listen(results)
        if self._num_cues is not None:
            kept = list(cues)[:self._num_cues]
            results['text_cues'] = kept
            results['text_valid'] = torch.arange(self._num_cues) < len(kept)
            if self._features is not None:
                features = torch.zeros(self._num_cues, self._features.dims)
                features[:len(kept)] = self._features(kept)
                results['text_feat'] = features
        packed = self._pack(results)
        return dict(packed, heard=heard)

    def _predict(self, packed: List[dict], size: int,
                 amp: Optional[str]) -> list:
        """Samples of frames, in batches that show the same pictures."""
        batches = [
            pseudo_collate([
                dict(inputs=item['inputs'], data_samples=item['data_samples'])
                for item in packed[start:start + size]
            ]) for start in range(0, len(packed), size)
        ]
        device = next(
            itertools.chain(self.model.parameters(), self.model.buffers()),
            torch.zeros(0)).device.type
        cast: ContextManager = torch.autocast(
            device, _AMP[amp]) if amp else nullcontext()
        with cast:
            results = self.model.test_sounds_step(batches)  # type: ignore
        return [sample for batch in results for sample in batch]

    def _result(self, step: Step, sample: Any, packed: dict,
                threshold: Optional[float]) -> FrameResult:
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
            sound=packed['heard'], sample_rate=self._rate, best=best)
        if self.semantic and threshold is None:
            return frame
        return frame.at(.5 if threshold is None else threshold)

    def write(self,
              clip: Union[ClipInput, Clip],
              out_dir: Union[str, os.PathLike],
              save: Sequence[str] = SAVE,
              sound: Any = 'normal',
              cues: Union[Sequence[str], CueSource, None] = None,
              cue_file: Optional[str] = None,
              cue_generator: Optional[ConfigLike] = None,
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
            progress (bool): Show a progress bar. Defaults to False.
            sound, cues, cue_file, cue_generator, fps, allow_silent, options:
                See :meth:`stream`.

        Returns:
            dict: What ``result.json`` holds, see :class:`ClipWriter`.
        """
        if not isinstance(clip, Clip):
            clip = Clip(clip, allow_silent)
        condition = Condition(sound)
        source = self._cue_source([condition], cues, cue_file, cue_generator)
        rate = clip.fps(fps)
        writer = ClipWriter(out_dir, clip, rate, save, self.classes,
                            self.palette, self.semantic,
                            keep_sound=condition.sound != 'normal')
        bar = tqdm(total=clip.num_steps(rate), unit='frame', desc=clip.name,
                   disable=not progress)
        with bar:
            for frame in self.stream(clip, sound, cues=source, fps=fps,
                                     allow_silent=allow_silent, **options):
                writer.add(frame)
                bar.update()
        return writer.finish(source.problems if source else ())

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
