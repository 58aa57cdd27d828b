# Copyright (c) mmteso contributors. All rights reserved.
"""tools/demo_app.py as a process, and visitors who have no browser."""
import json
import os
import re
import resource
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from processes import ROOT, environment, free_port

#: As most systems have it.
OPEN_FILES = 1024


class Server:
    """tools/demo_app.py, running; a context manager that ends it.

    Args:
        folder (Path): For its log, and for its temporary files.
        *options: Of the command.
    """

    def __init__(self, folder, *options):
        self.log, self.temporary = folder / 'log.txt', folder / 'temporary'
        self.temporary.mkdir(exist_ok=True)
        self._file = open(self.log, 'w')
        self._process = subprocess.Popen(
            [sys.executable, 'tools/demo_app.py', '--port', str(free_port()),
             *map(str, options)], cwd=ROOT, stdout=self._file,
            stderr=subprocess.STDOUT, preexec_fn=self._limit,
            env=environment(TMPDIR=str(self.temporary)))

    @staticmethod
    def _limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def address(self):
        """Where it listens, once it does."""
        end = time.monotonic() + 300
        while self._process.poll() is None and time.monotonic() < end:
            found = re.search(r'http://\S+', self.log.read_text())
            if found:
                return found.group()
            time.sleep(.05)
        raise AssertionError(self.log.read_text())

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(120)
        finally:
            self._process.kill()
            self._file.close()

    def memory(self):
        """Its resident memory without mapped files, in MiB."""
        status = Path(f'/proc/{self._process.pid}/status').read_text()
        return int(re.search(r'RssAnon:\s+(\d+)', status)[1]) / 1024

    def open_files(self):
        return len(os.listdir(f'/proc/{self._process.pid}/fd'))

    def files(self):
        """What lies in its temporary folder, which may change meanwhile."""
        return [Path(folder, name)
                for folder, _, names in os.walk(self.temporary)
                for name in names]


class Visitor:
    """What a browser asks of the page, by HTTP alone; a context manager.

    The page's parts are private: Gradio's own client can't call them.
    """

    def __init__(self, address):
        import httpx
        self.http = httpx.Client(base_url=address, timeout=300)
        self.key = secrets.token_hex(6)
        config = self.http.get('/config').json()
        self._names = {
            part['id']: part['props'].get('elem_id') or
            part['props'].get('value') for part in config['components']}
        self._calls = {
            (self._names.get(target[0]), target[1]): call
            for call in config['dependencies'] for target in call['targets']}

    def __enter__(self):
        # while this is open, the visitor is there
        self._beat = self.http.stream(
            'GET', f'/gradio_api/heartbeat/{self.key}')
        self._beat.__enter__()
        return self

    def __exit__(self, *error):
        self._beat.__exit__(None, None, None)
        self.http.close()

    def upload(self, path, **kwargs):
        """The response to an upload."""
        with open(path, 'rb') as file:
            return self.http.post(
                '/gradio_api/upload', files=dict(files=file), **kwargs)

    def file(self, path):
        """How an uploaded file is named in a call."""
        uploaded, = self.upload(path).json()
        return self.named(uploaded)

    @staticmethod
    def named(path):
        return dict(path=str(path), orig_name=Path(path).name,
                    meta=dict(_type='gradio.FileData'))

    def call(self, part, event, *data):
        """What comes of an event: elem_id -> new value, or an error's text."""
        call = self._calls[part, event]
        joined = self.http.post('/gradio_api/queue/join', json=dict(
            data=data, fn_index=call['id'], session_hash=self.key,
            event_data=None, trigger_id=call['targets'][0][0]))
        if joined.status_code != 200:
            return joined.text
        done = None
        with self.http.stream('GET', '/gradio_api/queue/data', params=dict(
                session_hash=self.key)) as lines:
            for line in lines.iter_lines():
                message = json.loads(line[5:]) if line else {}
                if message.get('msg') == 'process_completed':
                    done = message
                if message.get('msg') == 'close_stream':
                    break
        output = done['output']
        if not done['success']:
            return str(output['error'])
        return {self._names[part]: value for part, value in zip(
            call['outputs'], output['data'])}

    def bring(self, clip, cues, sound='normal'):
        """Upload a clip and have it looked at: the page's HTML."""
        return self.call('avs-clip', 'upload', self.file(clip), cues, sound,
                         .5, False)['avs-view']


def in_parallel(jobs):
    """Results of functions that threads run side by side."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(lambda job: job(), jobs))
