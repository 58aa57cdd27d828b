# Copyright (c) mmteso contributors. All rights reserved.
"""From frames to a cue file: caption, reason, write (paper 3.2)."""
import dataclasses
import threading
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Deque, List, Optional, Sequence, Tuple

from mmteso.io import CueFileError, CueRecord, CueWriter
from .captioners import BaseCaptioner
from .loading import LoadedBatch, iter_batches
from .reasoners import BaseReasoner
from .structures import ChatFailure, Frame, Reasoning


class TooManyFailuresError(RuntimeError):
    """So many frames failed in a row that going on makes no sense."""


@dataclasses.dataclass
class Progress:
    """How far a run has come.

    Attributes:
        total (int): Frames that are to be in the file.
        resumed (int): Those of them that were there already.
        done (int): Frames written by this run.
        failed (int): Those of them that failed.
        seconds (float): Time since the start.
    """
    total: int
    resumed: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.


class CueGenerator:
    """Generates the text cues of frames.

    One batch after the other is captioned, reasoned about and written. With
    ``overlap`` the next batch is captioned while the last one is reasoned
    about, which pays where the reasoner is a server: up to two batches are
    then in flight, and lost if the process is killed.

    Args:
        captioner (BaseCaptioner, optional): Describes the frames; None for
            a reasoner that needs no description.
        reasoner (BaseReasoner, optional): Names what could sound; None to
            write the descriptions only, for a second run that reads them
            with ``FixedCaptions``.
        batch_size (int): Frames of a batch. Defaults to 8.
        num_workers (int): Threads that read images. Defaults to 2.
        overlap (bool): Caption and reason at the same time. Defaults to
            False.
        max_failures (int, optional): Stop after so many failed frames in a
            row; None never stops. Defaults to 100.

    Raises:
        ValueError: If captioner and reasoner don't go together, or a number
            is out of range.
    """

    def __init__(self,
                 captioner: Optional[BaseCaptioner],
                 reasoner: Optional[BaseReasoner],
                 batch_size: int = 8,
                 num_workers: int = 2,
                 overlap: bool = False,
                 max_failures: Optional[int] = 100) -> None:
        if captioner is None and reasoner is None:
            raise ValueError('A captioner, a reasoner or both are needed.')
        if captioner is None and reasoner.needs_caption:
            raise ValueError(
                f'{type(reasoner).__name__} reasons about captions, but the '
                'captioner is None.')
        for name, value in (('batch_size', batch_size),
                            ('num_workers', num_workers),
                            ('max_failures', max_failures)):
            if value is not None and value < 1:
                raise ValueError(f'{name} must be at least 1, but got {value}')
        self.captioner = captioner
        self.reasoner = reasoner
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.overlap = overlap and None not in (captioner, reasoner)
        self.max_failures = max_failures

    @property
    def origin(self) -> dict:
        """What a record says of the models and prompts that made it."""
        origin = {}
        if self.captioner is not None:
            origin.update(
                captioner=self.captioner.name,
                caption_prompt_hash=self.captioner.prompt_hash)
        if self.reasoner is not None:
            origin.update(
                reasoner=self.reasoner.name,
                prompt=self.reasoner.prompt_name,
                prompt_hash=self.reasoner.prompt_hash)
        return origin

    def check_origin(self, writer: CueWriter) -> None:
        """Refuse to go on with what other models or prompts began.

        Args:
            writer (CueWriter): The file.

        Raises:
            CueFileError: If it holds records of another origin.
        """
        fields = ('captioner', 'caption_prompt_hash', 'reasoner', 'prompt',
                  'prompt_hash')
        own = tuple(self.origin.get(field, '') for field in fields)
        for other in sorted(writer.origins - {own}):
            wrong = [
                f'{field} is {have!r}, now it is {want!r}'
                for field, have, want in zip(fields, other, own)
                if have != want
            ]
            raise CueFileError(
                f'"{writer.path}" was begun with other models or prompts: '
                f'{"; ".join(wrong)}. Write to another file.')

    def run(self,
            frames: Sequence[Frame],
            writer: CueWriter,
            report: Callable[[Progress], None] = lambda progress: None
            ) -> Progress:
        """Generate the cues of the frames that the file lacks.

        Args:
            frames (Sequence[Frame]): All frames that the file is to hold.
            writer (CueWriter): The file.
            report (Callable): Called with the progress at the start and
                after each batch.

        Returns:
            Progress: The final state.

        Raises:
            CueFileError: If other models or prompts began the file.
            ValueError: If a frame is given twice.
            ModelUnavailableError: If a model can't serve any frame.
            TooManyFailuresError: After ``max_failures`` failed frames in a
                row. All of them are in the file, as failed.
        """
        self.check_origin(writer)
        twice = [key for key, number in Counter(
            frame.key for frame in frames).items() if number > 1]
        if twice:
            raise ValueError(
                f'{len(twice)} frames are given twice, the first: frame '
                f'{twice[0][1]} of "{twice[0][0]}". A clip needs a name of '
                'its own.')
        todo = [frame for frame in frames if frame.key not in writer.done]
        progress = Progress(len(frames), len(frames) - len(todo))
        start = time.perf_counter()
        failures = 0

        def write(records: List[CueRecord]) -> None:
            nonlocal failures
            writer.write(records)
            for record in records:
                failed = record.status == 'failed'
                failures = failures + 1 if failed else 0
                progress.failed += failed
            progress.done += len(records)
            progress.seconds = time.perf_counter() - start
            report(progress)
            if self.max_failures and failures >= self.max_failures:
                raise TooManyFailuresError(
                    f'The last {failures} frames failed, the last one: '
                    f'{records[-1].error} They are in "{writer.path}" as '
                    'failed.')

        stopped = threading.Event()

        def finish(batch: _CaptionedBatch) -> None:
            if stopped.is_set():
                return  # the batch before has failed: don't ask once more
            try:
                write(self._finish(batch))
            except BaseException:
                stopped.set()
                raise

        report(progress)
        if not todo:
            return progress
        # The reasoner first: a server that isn't there shows at once, the
        # captioner's weights take minutes.
        for model in (self.reasoner, self.captioner):
            if model is not None:
                model.prepare(todo)
        reads = None if self.captioner is None else self.captioner.reads
        batches = iter_batches(todo, reads, self.batch_size, self.num_workers)
        # One thread reasons and writes: what was reasoned about is written
        # even if the captioner fails at the next batch.
        with ThreadPoolExecutor(1, 'reasoner') as pool:
            pending: Deque[Future] = deque()
            for batch in batches:
                captioned = self._caption(batch)
                pending.append(pool.submit(finish, captioned))
                while len(pending) > self.overlap:
                    pending.popleft().result()
            while pending:
                pending.popleft().result()
        return progress

    def _caption(self, batch: LoadedBatch) -> '_CaptionedBatch':
        """Describe the frames of a batch that could be read."""
        start = time.perf_counter()
        frames = [loaded.frame for loaded in batch.loaded]
        captions = [''] * len(frames)
        needs_caption = self.reasoner is None or self.reasoner.needs_caption
        if self.captioner is not None and frames:
            captions = self.captioner.caption(batch.loaded)
            _check_count(self.captioner, captions, frames)
        done = _CaptionedBatch(failed=list(batch.broken))
        for frame, caption in zip(frames, captions):
            if isinstance(caption, ChatFailure):
                done.failed.append((frame, caption.error))
            elif needs_caption and not caption.strip():
                # a reasoner would make something up
                done.failed.append((frame, 'The captioner said nothing.'))
            else:
                done.frames.append(frame)
                done.captions.append(caption)
        done.seconds = time.perf_counter() - start
        return done

    def _finish(self, batch: '_CaptionedBatch') -> List[CueRecord]:
        """The records of a captioned batch."""
        start = time.perf_counter()
        found = [Reasoning(()) for _ in batch.frames]
        if self.reasoner is not None and batch.frames:
            found = self.reasoner.reason(batch.frames, batch.captions)
            _check_count(self.reasoner, found, batch.frames)
        seconds = batch.seconds + time.perf_counter() - start
        share = round(seconds / max(len(batch.frames), 1), 4)
        served = 'captioned' if self.reasoner is None else 'ok'
        records = [
            CueRecord(
                frame.uid,
                frame.frame,
                reasoning.cues,
                caption=caption,
                reasoning=reasoning.text,
                status='failed' if reasoning.failed else served,
                error=reasoning.error,
                seconds=share,
                **self.origin) for frame, caption, reasoning in zip(
                    batch.frames, batch.captions, found)
        ]
        records += [
            CueRecord(
                frame.uid,
                frame.frame, (),
                status='failed',
                error=error,
                **self.origin) for frame, error in batch.failed
        ]
        return records


@dataclasses.dataclass
class _CaptionedBatch:
    """Frames with their captions, the others with why they have none."""
    frames: List[Frame] = dataclasses.field(default_factory=list)
    captions: List[str] = dataclasses.field(default_factory=list)
    failed: List[Tuple[Frame, str]] = dataclasses.field(default_factory=list)
    seconds: float = 0.


def _check_count(model, answers: Sequence, frames: Sequence) -> None:
    if len(answers) != len(frames):
        raise ValueError(f'{type(model).__name__} gave {len(answers)} answers '
                         f'for {len(frames)} frames.')
