# Copyright (c) mmteso contributors. All rights reserved.
"""Requests to an OpenAI-compatible chat server, until they are answered."""
import asyncio
import json
import logging
import math
import os
import random
import time
from typing import Any, Dict, List, Optional, Sequence, Union

from mmengine.logging import print_log

from ..structures import ChatFailure, Conversation, ModelUnavailableError
from .chat_protocol import (PassingError, RefusedError, clean_message,
                            hide_key, parse_completion, parse_retry_after,
                            server_message)

# Besides 5xx: the server was too busy, or the request got lost.
_PASSING_STATUSES = (408, 409, 425, 429)
# An answer of 4,096 tokens has about 20 kB. This is also the memory that each
# of the concurrent requests can take if a server goes mad.
_MAX_BYTES = 4 * 2**20
# Keys such as 'EMPTY' are no secret, and an answer may hold them by chance.
_MIN_SECRET_CHARS = 8
_PROXY_VARIABLES = ('ALL_PROXY', 'HTTPS_PROXY', 'HTTP_PROXY')
_SECONDS_BETWEEN_WARNINGS = 60


class _Unreachable(ChatFailure):
    """A conversation for which there was no connection."""


def import_http():
    """Import what the requests are made with.

    Returns:
        tuple[module, module]: httpx and tenacity.

    Raises:
        ImportError: With a word on how to get them.
    """
    try:
        import httpx
        import tenacity
    except ImportError as error:
        raise ImportError(
            'OpenAIReasoner needs the packages "httpx" and "tenacity": '
            "pip install 'mmteso[text]'") from error
    return httpx, tenacity


class ChatClient:
    """Asks an OpenAI-compatible server, several questions at a time.

    To be made, used and closed in one event loop.

    Args:
        url (str): Address of the API, without a trailing slash.
        payload (dict): What each request says besides the conversation.
        concurrency (int): Largest number of requests at a time.
        timeout (float): Seconds that an attempt may take in all.
        connect_timeout (float): Seconds that connecting may take.
        max_retries (int): Further attempts of a request.
        backoff (float): Longest first wait before a further attempt, in
            seconds; each time it can be twice as long.
        max_backoff (float): Longest wait, in seconds.
        api_key_env (str, optional): Environment variable with the API key.
        trust_env (bool): Whether the environment's proxies are used.

    Raises:
        ModelUnavailableError: If the environment's API key is none.
    """

    def __init__(self, url: str, payload: Dict[str, Any], concurrency: int,
                 timeout: float, connect_timeout: float, max_retries: int,
                 backoff: float, max_backoff: float,
                 api_key_env: Optional[str], trust_env: bool) -> None:
        self._httpx, self._tenacity = import_http()
        self.url = url
        self.payload = payload
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.max_backoff = max_backoff
        self.api_key_env = api_key_env
        self.trust_env = trust_env
        self._key = os.environ.get(api_key_env or '', '').strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise ModelUnavailableError(
                f'The environment variable {api_key_env} holds characters '
                'that no API key has.')
        # not packed: what is read is bounded before it is unpacked
        headers = {'Accept-Encoding': 'identity', 'User-Agent': 'mmteso'}
        if self._key:
            headers['Authorization'] = f'Bearer {self._key}'
        # A limit of the pool's would count connections that are closing, too.
        self._slots = asyncio.Semaphore(concurrency)
        self._http = self._httpx.AsyncClient(
            headers=headers,
            timeout=self._httpx.Timeout(timeout, connect=connect_timeout),
            limits=self._httpx.Limits(
                max_connections=None, max_keepalive_connections=concurrency),
            follow_redirects=False,
            trust_env=trust_env)
        self._served = False
        self._warned = -math.inf

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(
        self, conversations: Sequence[Conversation]
    ) -> List[Union[str, ChatFailure]]:
        """Have conversations answered.

        Args:
            conversations (Sequence[Conversation]): Chats that end with a
                message from the user.

        Returns:
            list[str | ChatFailure]: The answer to each.

        Raises:
            ModelUnavailableError: If the server can't serve any.
        """
        tasks = [asyncio.ensure_future(self._ask(c)) for c in conversations]
        try:
            answers = await asyncio.gather(*tasks)
        finally:
            # that is, if one of them has found out that there is no use
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if answers and all(isinstance(a, _Unreachable) for a in answers):
            raise self._unavailable(answers[-1].error + self._reach_hint())
        return answers

    async def _ask(self,
                   conversation: Conversation) -> Union[str, ChatFailure]:
        body = json.dumps(dict(self.payload, messages=conversation)).encode()
        retrying = self._tenacity.AsyncRetrying(
            retry=self._tenacity.retry_if_exception_type(PassingError),
            stop=self._tenacity.stop_after_attempt(1 + self.max_retries),
            wait=self._wait,
            sleep=asyncio.sleep,
            before_sleep=self._warn,
            reraise=True)
        try:
            answer = await retrying(self._try, body)
        except RefusedError as error:
            return ChatFailure(f'{self._clean(str(error))}.')
        except PassingError as error:
            kind = _Unreachable if error.unreachable else ChatFailure
            return kind(f'No answer; the last of {1 + self.max_retries} '
                        f'attempts: {self._clean(str(error))}.')
        self._served = True
        if len(self._key) >= _MIN_SECRET_CHARS:
            answer = type(answer)(hide_key(answer, self._key))
        return answer

    def _wait(self, state) -> float:
        error = state.outcome.exception()
        if error.retry_after is None:
            return self._tenacity.wait_random_exponential(
                multiplier=self.backoff, max=self.max_backoff)(state)
        # the server's word, spread so that not all come back at once
        return min(error.retry_after + random.uniform(0, self.backoff),
                   self.max_backoff)

    def _warn(self, state) -> None:
        """Say now and then why nothing seems to happen."""
        now = time.monotonic()
        if now - self._warned >= _SECONDS_BETWEEN_WARNINGS:
            self._warned = now
            print_log(
                f'{self.url}: attempt {state.attempt_number} of '
                f'{1 + self.max_retries} failed, trying again: '
                f'{self._clean(str(state.outcome.exception()))}',
                logger='current',
                level=logging.WARNING)

    async def _try(self, body: bytes) -> str:
        """Ask once."""
        async with self._slots:
            try:
                # httpx's own timeouts begin anew with each byte
                return await asyncio.wait_for(self._post(body), self.timeout)
            except asyncio.TimeoutError:
                raise PassingError(
                    f'timed out after {self.timeout:g} s') from None

    async def _post(self, body: bytes) -> str:
        httpx = self._httpx
        try:
            status, headers, answer = await self._fetch(
                'POST',
                '/chat/completions',
                content=body,
                headers={'Content-Type': 'application/json'})
        except httpx.RequestError as error:
            raise PassingError(
                ': '.join(filter(None, [type(error).__name__, str(error)])),
                unreachable=isinstance(
                    error, (httpx.ConnectError, httpx.ConnectTimeout,
                            httpx.ProxyError))) from error
        if not 200 <= status < 300:
            await self._raise_for_status(status, headers, answer)
        return parse_completion(answer)

    async def _fetch(self, method: str, path: str, **kwargs):
        """Status, headers and body, of which too much isn't read."""
        async with self._http.stream(method, self.url + path,
                                     **kwargs) as response:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > _MAX_BYTES:
                    raise PassingError(
                        f'the answer is longer than {_MAX_BYTES} bytes')
            return response.status_code, response.headers, b''.join(chunks)

    async def _raise_for_status(self, status: int, headers,
                                body: bytes) -> None:
        said = self._clean(server_message(body))
        said = f'HTTP {status}' + (f' ("{said}")' if said else '')
        if 300 <= status < 400:
            where = self._clean(headers.get('location', 'nowhere'))
            raise self._unavailable(
                f'HTTP {status}, a redirection to {where}, is not followed, '
                'as the API key would be sent there. If that is the server, '
                'set base_url to it.')
        # services answer 403 also to a single text that they don't like
        if status == 401 or (status == 403 and not self._served):
            raise self._unavailable(f'{said}. {self._key_hint()}')
        if status == 402 or b'insufficient_quota' in body:
            raise self._unavailable(f'{said}. No credit is left.')
        if status in (404, 405):
            raise self._unavailable(f'{said}. {await self._offer()}')
        if status == 407:
            raise self._unavailable(f'{said}.{self._proxy_hint()}')
        if status in _PASSING_STATUSES or status >= 500:
            raise PassingError(said,
                               parse_retry_after(headers.get('retry-after')))
        raise RefusedError(said)

    async def _offer(self) -> str:
        """What the server has, for whoever asked for something else."""
        model = self.payload['model']
        advice = ('Is base_url the address of the API? It usually ends in '
                  '/v1.')
        try:
            # or the attempt's own timeout would hide what it is all about
            status, _, body = await asyncio.wait_for(
                self._fetch('GET', '/models'), min(5, self.timeout / 4))
            offered = [str(m['id']) for m in json.loads(body)['data']]
        except (PassingError, self._httpx.RequestError, asyncio.TimeoutError,
                ValueError, KeyError, TypeError, RecursionError):
            return advice
        if status != 200 or model in offered:
            return advice
        names = self._clean(', '.join(offered)) or 'none'
        return f'There is no model "{model}"; the server offers: {names}.'

    def _clean(self, text: str) -> str:
        return clean_message(text, self._key)

    def _unavailable(self, reason: str) -> ModelUnavailableError:
        return ModelUnavailableError(f'{self.url}: {reason}')

    def _key_hint(self) -> str:
        if self.api_key_env is None:
            return 'No API key was sent: api_key_env is None.'
        if not self._key:
            return ('No API key was sent: the environment variable '
                    f'{self.api_key_env} is not set, or empty.')
        return ('The API key that was sent is that of the environment '
                f'variable {self.api_key_env}.')

    def _reach_hint(self) -> str:
        return (' Is the server running, at this address?'
                f'{self._proxy_hint()}')

    def _proxy_hint(self) -> str:
        names = [
            name for name in _PROXY_VARIABLES
            if os.environ.get(name) or os.environ.get(name.lower())
        ]
        if not names:
            return ''
        used = 'is used' if self.trust_env else 'is not used'
        return (f' The proxy of the environment ({", ".join(names)}) {used}, '
                f'as trust_env is {self.trust_env}.')
