# Copyright (c) mmteso contributors. All rights reserved.
"""Telling people how far a long run has come."""
import sys
import time
from typing import Optional, TextIO

from tqdm import tqdm

from .generator import Progress


class ProgressReport:
    """A bar on a terminal; a line now and then in a log file.

    Both tell the frames that are in the file, the rate, the time left and
    the number of failures. Rate and time left count this run's frames only.

    Args:
        file (TextIO, optional): Where to write. Defaults to None: the
            standard error output.
        interval (float): Seconds between two lines of a log; there is one
            more at the end. Defaults to 60.
    """

    def __init__(self,
                 file: Optional[TextIO] = None,
                 interval: float = 60.) -> None:
        self.file = sys.stderr if file is None else file
        self.interval = interval
        self._bar: Optional[tqdm] = None
        self._next_line = 0.

    def __call__(self, progress: Progress) -> None:
        """Show a state.

        Args:
            progress (Progress): The state.
        """
        if self.file.isatty():
            self._update_bar(progress)
        else:
            self._write_line(progress)

    def _update_bar(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=progress.total,
                initial=progress.resumed,
                unit='frame',
                file=self.file,
                dynamic_ncols=True)
        self._bar.set_postfix(failed=progress.failed, refresh=False)
        self._bar.update(progress.resumed + progress.done - self._bar.n)

    def _write_line(self, progress: Progress) -> None:
        now = time.monotonic()
        done = progress.resumed + progress.done
        if now < self._next_line and done < progress.total:
            return
        self._next_line = now + self.interval
        meter = tqdm.format_meter(
            done,
            progress.total,
            progress.seconds,
            initial=progress.resumed,
            unit='frame',
            ncols=0,
            postfix=f'failed={progress.failed}')
        print(meter, file=self.file, flush=True)

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()
