# Copyright (c) mmteso contributors. All rights reserved.
"""From frames to a cue file: caption, reason, write (paper 3.2)."""
import functools
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import (Any, Callable, Deque, Dict, Iterable, Iterator, List,
                    Optional, Sequence, Set, Tuple)

from mmengine.utils import get_git_hash
from PIL import Image
from tqdm import tqdm

from mmteso.io import (CueFileError, CueRecord, append_cue_records,
                       iter_cue_records, read_image)
from mmteso.version import __version__
from .base import (BaseCaptioner, BaseReasoner, ChatFailure, Frame,
                   LoadedFrame, Reasoning)

Key = Tuple[str, int]


class TooManyFailuresError(RuntimeError):
    """So many frames failed in a row that going on makes no sense."""


class CueGenerator:
    """Generates the text cues of frames, batch by batch.

    Args:
        captioner (BaseCaptioner, optional): Describes the frames; None for
            a reasoner that needs no description.
        reasoner (BaseReasoner, optional): Names what could sound; None to
            write the descriptions only, for a second run that reads them
            with ``FixedCaptions``.
        batch_size (int): Frames of a batch.
        num_workers (int): Threads that read images.
        overlap (bool): Caption the next batch while the last one is reasoned
            about, which pays where the reasoner is a server. Up to two
            batches are then lost if the process is killed.
        max_failures (int, optional): Stop after so many failed frames in a
            row; None never stops.

    Attributes:
        origin (dict): What a record says of the models and prompts that made
            it.
    """

    def __init__(self, captioner: Optional[BaseCaptioner],
                 reasoner: Optional[BaseReasoner], batch_size: int = 8,
                 num_workers: int = 2, overlap: bool = False,
                 max_failures: Optional[int] = 100) -> None:
        if captioner is None and (reasoner is None or reasoner.needs_caption):
            raise ValueError(
                f'The captioner is None, and {type(reasoner).__name__} as '
                'reasoner needs captions.')
        self.captioner, self.reasoner = captioner, reasoner
        self.batch_size, self.num_workers = batch_size, num_workers
        self.overlap, self.max_failures = overlap, max_failures
        self.origin = dict(
            captioner=getattr(captioner, 'name', ''),
            caption_prompt_hash=getattr(captioner, 'prompt_hash', ''),
            reasoner=getattr(reasoner, 'name', ''),
            prompt=getattr(reasoner, 'prompt_name', ''),
            prompt_hash=getattr(reasoner, 'prompt_hash', ''))

    def find_done(self, paths: Sequence[str],
                  retry_failed: bool = False) -> Set[Key]:
        """Clips and frames that cue files hold, with or without failed ones; a
        CueFileError if other models or prompts began a file."""
        done = set()
        for path in paths:
            for _, record in iter_cue_records(path):
                wrong = [f'{key} is {getattr(record, key)!r}, now {value!r}'
                         for key, value in self.origin.items()
                         if getattr(record, key) != value]
                if wrong:
                    raise CueFileError(
                        f'"{path}" was begun with other models or prompts '
                        f'({"; ".join(wrong)}). Write to another file.')
                if record.status != 'failed' or not retry_failed:
                    done.add(record.key)
        return done

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Find out whether the models can serve frames.

        The reasoner first: a server that isn't there shows at once, the
        captioner's weights take minutes.
        """
        for model in (self.reasoner, self.captioner):
            if model is not None:
                model.prepare(frames)

    def find_cues(self, loaded: List[LoadedFrame]) -> Iterator[dict]:
        """The fields of the records of a batch, in any order."""
        return self._reason(*self._caption(loaded, {}))

    def run(self, frames: Sequence[Frame], path: str,
            done: Set[Key] = frozenset()) -> Counter:
        """Append the cues of frames, but those ``done``, to a cue file.

        Gives the number of frames by status; 'resumed' were left out. A
        ModelUnavailableError if a model can't serve any frame, a
        TooManyFailuresError after ``max_failures`` failures in a row.
        """
        for key, count in Counter(f.key for f in frames).most_common(1):
            if count > 1:
                raise ValueError(f'Frame {key[1]} of "{key[0]}" is given '
                                 f'{count} times: a clip needs its own name.')
        todo = [frame for frame in frames if frame.key not in done]
        counts = Counter(resumed=len(frames) - len(todo))
        if not todo:
            return counts
        self.prepare(todo)
        version = f'{__version__}+{get_git_hash(digits=7)}'
        failures = 0
        log = tqdm(
            total=len(frames), initial=counts['resumed'], unit='frame')
        # One thread reasons and writes: what was reasoned about is written
        # even if the captioner fails at the next batch.
        with log, ThreadPoolExecutor(1) as pool, \
                ThreadPoolExecutor(self.num_workers) as readers:

            def finish(captioned: tuple) -> None:
                nonlocal failures
                records = [CueRecord(**values, **self.origin, version=version)
                           for values in self._reason(*captioned)]
                append_cue_records(path, records)
                for record in records:
                    counts[record.status] += 1
                    failures = (failures + 1) * (record.status == 'failed')
                log.set_postfix(failed=counts['failed'], refresh=False)
                log.update(len(records))
                if self.max_failures and failures >= self.max_failures:
                    raise TooManyFailuresError(
                        f'The last {failures} frames failed, the last one: '
                        f'{records[-1].error} They are in "{path}" as failed.')

            batches = (todo[start:start + self.batch_size]
                       for start in range(0, len(todo), self.batch_size))
            load = functools.partial(
                _load_batch, reads=self.captioner and self.captioner.reads)
            captioned = (self._caption(*batch) for batch in _run_ahead(
                readers, load, batches, self.num_workers))
            for _ in _run_ahead(pool, finish, captioned, int(self.overlap)):
                pass
        return counts

    def _caption(self, loaded: List[LoadedFrame],
                 errors: Dict[Key, str]) -> tuple:
        """Described frames, their captions, errors of others, seconds."""
        start = time.perf_counter()
        captions = [''] * len(loaded)
        if self.captioner is not None and loaded:
            captions = self.captioner.caption(loaded)
        needed = self.reasoner is None or self.reasoner.needs_caption
        described = []
        for (frame, _), caption in zip(loaded, captions, strict=True):
            if isinstance(caption, ChatFailure):
                errors[frame.key] = caption.error
            elif needed and not caption.strip():
                # a reasoner would make something up
                errors[frame.key] = 'The captioner said nothing.'
            else:
                described.append((frame, caption))
        return described, errors, time.perf_counter() - start

    def _reason(self, captioned: List[Tuple[Frame, str]],
                errors: Dict[Key, str], seconds: float) -> Iterator[dict]:
        """The fields of a captioned batch's records."""
        start = time.perf_counter()
        frames, captions = zip(*captioned) if captioned else ((), ())
        found = [Reasoning(()) for _ in frames]
        if self.reasoner is not None and frames:
            found = self.reasoner.reason(frames, captions)
        seconds += time.perf_counter() - start
        for frame, caption, (cues, text, error) in zip(
                frames, captions, found, strict=True):
            served = 'captioned' if self.reasoner is None else 'ok'
            yield dict(
                uid=frame.uid, frame=frame.frame, cues=cues, caption=caption,
                reasoning=text, status='failed' if error else served,
                error=error, seconds=round(seconds / len(frames), 4))
        for (uid, number), error in errors.items():
            yield dict(
                uid=uid, frame=number, cues=(), status='failed', error=error)


def _run_ahead(pool: ThreadPoolExecutor, function: Callable, items: Iterable,
               ahead: int) -> Iterator[Any]:
    """Results in order, while up to ``ahead`` further ones are made."""
    waiting: Deque[Future] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _load_batch(frames: Sequence[Frame], reads: Optional[str]
                ) -> Tuple[List[LoadedFrame], Dict[Key, str]]:
    """A batch with its images, and what is wrong with frames that could not
    be read."""
    loaded, errors, images = [], {}, {}  # frames of a clip share images
    for frame in frames:
        paths = dict(
            frame=(frame.img_path, ), clip=frame.clip_paths).get(reads, ())
        try:
            for path in paths:
                if path not in images:
                    images[path] = Image.fromarray(read_image(path))
            loaded.append(LoadedFrame(frame, tuple(images[p] for p in paths)))
        except (OSError, ValueError) as error:
            errors[frame.key] = str(error)
    return loaded, errors
