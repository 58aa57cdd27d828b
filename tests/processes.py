# Copyright (c) mmteso contributors. All rights reserved.
"""Start Python programs the way a user does."""
import contextlib
import io
import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]


def environment(**variables):
    """This process's environment, with the checkout importable."""
    path = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS='1', **variables)


def run(command, check=True, timeout=600, cwd=ROOT, **variables):
    """Run a command; a failure shows all of its output.

    ``check``: whether it is one of the test. ``variables`` are of the
    environment. After ``timeout`` seconds what it has started ends, too.
    """
    command = [str(word) for word in command]
    with subprocess.Popen(command, cwd=cwd, env=environment(**variables),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if check:
        assert process.returncode == 0, output + errors
    return subprocess.CompletedProcess(command, process.returncode, output,
                                       errors)


def call_tool(name, *words):
    """Run one of tools/ in this process, which it leaves as it was; an exit
    with 0 is a return."""
    path = str(ROOT / 'tools' / name)
    with mock.patch.object(sys, 'argv', [path, *map(str, words)]), \
            mock.patch.dict(os.environ):
        try:
            runpy.run_path(path, run_name='__main__')
        except SystemExit as end:
            if end.code:
                raise


def exit_status(name, *words):
    """With which one of tools/ ends, in this process."""
    try:
        call_tool(name, *words)
    except SystemExit as end:
        return end.code
    return 0


def refusal(name, *words):
    """What one of tools/ says as it ends with an error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = exit_status(name, *words)
    assert status, f'{name} {words} found nothing wrong'
    return status if isinstance(status, str) else said.getvalue()


def run_python(code, check=True, **kwargs):
    """Run code in a fresh interpreter, warnings off."""
    return run([sys.executable, '-W', 'ignore', '-c', code], check, **kwargs)


def free_port():
    """A TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]
