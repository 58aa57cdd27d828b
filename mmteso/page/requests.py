# Copyright (c) mmteso contributors. All rights reserved.
"""What the page's server takes, and what its answers let a browser do."""
import asyncio
import contextlib
import json
import os
import os.path as osp
import re
import secrets
import shutil
from typing import Any, Callable, Optional, Tuple

from .limits import Limits, Refused, check_room, remove_old

# the browser asks nobody but this server, whatever Gradio's page names
_POLICY = '; '.join((
    "default-src 'self'", "img-src 'self' data: blob:",
    "media-src 'self' data: blob:", "font-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "worker-src 'self' blob:", "frame-ancestors 'self'"))
_NO_ADDRESS = 'A file has to be uploaded; no address is asked for it.'
_ELSEWHERE = re.compile(
    rb'<link[^>]*https?://[^>]*>|<script[^>]*\ssrc="https?://[^>]*></script>')


def _changing(send: Any, wanted: Callable[[dict], bool],
              change: Callable[[bytes], bytes]) -> Any:
    """ASGI's ``send``, with another body of the responses that are wanted."""
    start: Optional[dict] = None
    body = b''

    async def changed(message: dict) -> None:
        nonlocal start, body
        if message['type'] == 'http.response.start' and wanted(message):
            start = message
            return
        if start is not None:
            body += message.get('body', b'')
            if message.get('more_body'):
                return
            body = change(body)
            headers = [(key, value) for key, value in start['headers']
                       if key != b'content-length']
            headers.append((b'content-length', b'%d' % len(body)))
            await send(dict(start, headers=headers))
            message = dict(type='http.response.body', body=body)
        await send(message)

    return changed


def _names_address(value: Any) -> bool:
    """Whether a request's JSON has an address in the place of a file."""
    if isinstance(value, dict):
        return '://' in str(value.get('path', '')) or any(
            map(_names_address, value.values()))
    return isinstance(value, list) and any(map(_names_address, value))


class OwnServerOnly:
    """ASGI middleware: the page loads nothing from other servers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:

        def is_page(start: dict) -> bool:
            return dict(start['headers']).get(
                b'content-type', b'').startswith(b'text/html')

        changed = _changing(
            send, is_page, lambda body: _ELSEWHERE.sub(b'', body))

        async def checked(message: dict) -> None:
            if message['type'] == 'http.response.start':
                message = dict(message, headers=[
                    *message.get('headers', ()),
                    (b'content-security-policy', _POLICY.encode()),
                    (b'referrer-policy', b'no-referrer')])
            await changed(message)

        await self.app(scope, receive, checked)


class LimitedRequests:
    """ASGI middleware: of what is too large nothing is kept.

    An upload may be as large as a file that is taken, other requests 1 MB. No
    upload is taken where the files of all visitors are too many already. Each
    gets a folder of its own: Gradio names it by the content, so that two
    visitors with the same file would have one between them. A file has to be
    uploaded: Gradio would fetch it, of any size, from an address, and pass on
    what any other server has.

    Args:
        app (Callable): The ASGI application.
        limits (Limits): What is taken.
        folder (str): Of all visitors' files.
        uploads (str): The folder in it that Gradio writes uploads to; what is
            old there, of interrupted uploads, too, is removed.
    """

    def __init__(self, app: Any, limits: Limits, folder: str,
                 uploads: str) -> None:
        self.app, self.limits = app, limits
        self.folder, self.uploads = folder, uploads

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        path, method = scope.get('path', ''), scope.get('method')
        length = dict(scope.get('headers', ())).get(b'content-length')
        upload = method == 'POST' and path.rstrip('/').endswith('/upload')
        refusal = None
        if '://' in path:
            refusal = 403, _NO_ADDRESS
        elif method == 'POST':
            refusal = await asyncio.to_thread(
                self._refusal, None if length is None else int(length), upload)
            if not (refusal or upload):
                refusal, receive = await self._read(receive)
        if refusal:
            # browsers show no answer to what they are still sending
            while length and (await receive()).get('more_body'):
                pass
            status, text = refusal
            await send(dict(type='http.response.start', status=status,
                            headers=[(b'content-type', b'text/plain')]))
            await send(dict(type='http.response.body', body=text.encode()))
            return
        if upload:
            send = _changing(
                send, lambda start: start['status'] == 200, self._moved)
        await self.app(scope, receive, send)

    @staticmethod
    async def _read(receive: Any) -> Tuple[Optional[Tuple[int, str]], Any]:
        """Whether a request is refused for what it says; it once more."""
        messages = [await receive()]
        while messages[-1].get('more_body'):
            messages.append(await receive())
        body = b''.join(message.get('body', b'') for message in messages)
        refusal = None
        with contextlib.suppress(ValueError, RecursionError):  # no JSON
            if _names_address(json.loads(body)):
                refusal = 403, _NO_ADDRESS

        async def again() -> dict:
            return messages.pop(0) if messages else await receive()

        return refusal, again

    def _moved(self, body: bytes) -> bytes:
        """Gradio's answer: a list of files."""
        moved = []
        for path in json.loads(body):
            folder = osp.join(self.uploads, secrets.token_hex(16))
            os.mkdir(folder)
            moved.append(shutil.move(path, folder))
        return json.dumps(moved).encode()

    def _refusal(self, length: Optional[int],
                 upload: bool) -> Optional[Tuple[int, str]]:
        if length is None:
            return 411, 'A request has to say how long it is.'
        if not upload:
            return (413, 'The request is too long.') if length > 1e6 else None
        most = self.limits.megabytes
        if length > most * 1e6 + 1e4:  # with what is around it
            return 413, (f'The file has {length / 1e6:.1f} MB; this page '
                         f'takes up to {most:g} MB.')
        remove_old(self.uploads, self.limits.idle_seconds)
        try:
            check_room(self.folder, self.limits)
        except Refused as error:
            return 507, str(error)
        return None
