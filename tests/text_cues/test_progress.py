# Copyright (c) mmteso contributors. All rights reserved.
import io

from mmteso.text_cues import Progress
from mmteso.text_cues.progress import ProgressReport


class Terminal(io.StringIO):

    def isatty(self):
        return True


def test_a_log_gets_a_line_now_and_then():
    file = io.StringIO()
    report = ProgressReport(file, interval=3600)
    for done in range(0, 801, 100):
        report(Progress(1000, 200, done, done // 100, seconds=done / 4))
    report.close()
    first, last = file.getvalue().splitlines()
    assert first.startswith(' 20%') and '200/1000' in first
    # 800 frames in 200 seconds; those that were there don't count
    assert '1000/1000' in last and '4.00frame/s' in last
    assert '03:20<00:00' in last and 'failed=8' in last


def test_the_time_left_counts_this_run_only():
    file = io.StringIO()
    ProgressReport(file)(Progress(1000, 500, 100, 0, seconds=10))
    assert '00:10<00:40' in file.getvalue()
    assert '10.00frame/s' in file.getvalue()


def test_a_terminal_gets_a_bar():
    file = Terminal()
    report = ProgressReport(file)
    report(Progress(10, 4))
    report(Progress(10, 4, 6, 2, seconds=1))
    report.close()
    last = file.getvalue().rstrip().split('\r')[-1]
    assert '10/10' in last and 'failed=2' in last
    assert file.getvalue().endswith('\n')


def test_closing_before_the_start():
    ProgressReport(Terminal()).close()
