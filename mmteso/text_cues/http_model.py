# Copyright (c) mmteso contributors. All rights reserved.
"""Models behind an OpenAI-compatible HTTP endpoint, by the openai client."""
import asyncio
import os
import threading
from typing import Any, List, Optional, Sequence
from urllib.parse import urlsplit

from mmteso.logs import warn
from mmteso.optional import require
from .base import (ChatFailure, Conversation, CutText,
                   ModelUnavailableError, Reply)

_FIRST_RETRIES = 6
# The server as such can't be used with these: key, payment, path or model.
_HOPELESS = (401, 402, 403, 404, 405)
# It doesn't take this request, e.g. because of its response_format.
_REFUSALS = (400, 404, 415, 422, 501)


class HTTPModel:
    """A chat model on vLLM, llama.cpp, Ollama, TGI, OpenAI, ...

    Chats are sent side by side. The client repeats what meets a busy or
    broken server or a lost connection, after growing waits or what the
    server's ``Retry-After`` says. The API key is read from the environment
    and from nowhere else: configs are logged and shared. It goes to this
    address alone, redirects are an error, and stars stand for it in answers
    and messages.

    Args:
        base_url (str): Address of the API, e.g. ``http://HOST:8000/v1``; one
            without a path gets '/v1'.
        model (str): The model's name on the server; also what the cue file
            records (the address isn't recorded).
        temperature (float, optional): 0 for the most likely answer; None
            leaves it to the server.
        max_tokens (int, optional): Longest answer, in tokens; None leaves it
            to the server.
        extra_body (dict, optional): Further fields of a request, e.g.
            ``dict(seed=0)``.
        concurrency (int): Largest number of requests at a time, at most the
            run's ``batch_size``.
        api_key_env (str): Environment variable with the API key, for servers
            that want one.
        timeout (float): Seconds that a server may be silent.
        max_retries (int): Further attempts of a request: 14 outlast a server
            that is away for a minute. Before the first answer there are 6 at
            most, so that a wrong address shows soon.
    """

    def __init__(self, base_url: str, model: str,
                 temperature: Optional[float] = 0.,
                 max_tokens: Optional[int] = 512,
                 extra_body: Optional[dict] = None, concurrency: int = 16,
                 api_key_env: str = 'OPENAI_API_KEY', timeout: float = 300.,
                 max_retries: int = 14) -> None:
        openai = require('openai', 'text')
        parts = urlsplit(base_url)
        if parts.scheme not in ('http', 'https') or '@' in parts.netloc \
                or parts.query:
            # not shown: it may hold a password
            raise ValueError(
                'base_url must be an address such as "http://HOST:8000/v1", '
                'without a password or "?" (the key comes from the '
                f'environment variable {api_key_env})')
        if not parts.path.strip('/'):
            base_url = f'{base_url.rstrip("/")}/v1'
        self._key = os.environ.get(api_key_env)
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=self._key or 'none',  # servers without keys take any
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False),
            timeout=timeout,
            max_retries=min(max_retries, _FIRST_RETRIES))
        fields = dict(
            model=model, extra_body=extra_body, temperature=temperature,
            max_tokens=max_tokens)
        self._fields = {k: v for k, v in fields.items() if v is not None}
        self._slots = asyncio.Semaphore(concurrency)
        self._served = self._warned = False
        self._retries = max_retries
        # A loop of its own, so that it doesn't matter which thread asks, nor
        # whether a loop is running there (as in a notebook).
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def chat(self, conversations: Sequence[Conversation],
             schema: Optional[dict] = None) -> List[Reply]:
        """Have conversations answered; the server may ignore the schema.

        An answer longer than ``max_tokens`` is a ``CutText``. A
        ModelUnavailableError if the server can't serve any: wrong key, model
        or path before the first answer, or no connection.
        """
        fields = dict(self._fields)
        if schema is not None:
            fields['response_format'] = dict(
                type='json_schema',
                json_schema=dict(name='cues', strict=True, schema=schema))
        futures = [
            asyncio.run_coroutine_threadsafe(
                self._ask(conversation, fields), self._loop)
            for conversation in conversations
        ]
        try:
            answers = [future.result() for future in futures]
        finally:
            for future in futures:  # if there is no use, or at Ctrl-C
                future.cancel()
        if answers and all(
                isinstance(answer, ChatFailure) and answer.unreachable
                for answer in answers):
            raise ModelUnavailableError(answers[-1].error)
        return answers

    async def _ask(self, conversation: Conversation, fields: dict) -> Reply:
        import openai
        try:
            async with self._slots:
                client = self._client
                if self._served:
                    client = client.with_options(max_retries=self._retries)
                completion = await client.chat.completions.create(
                    messages=conversation, **fields)
            choice = completion.choices[0]
            text, reason = choice.message.content, choice.finish_reason
        except openai.APIConnectionError as error:
            return self._failure(
                error,
                unreachable=not isinstance(error, openai.APITimeoutError))
        except openai.APIStatusError as error:
            status = error.status_code
            failure = self._failure(error, refused=status in _REFUSALS)
            if not self._served and (status in _HOPELESS
                                     or 300 <= status < 400):
                raise ModelUnavailableError(failure.error) from None
            return failure
        except (openai.OpenAIError, AttributeError, IndexError, TypeError,
                ValueError) as error:
            text = self._masked(repr(error))[:200]
            return ChatFailure(f'This is no chat completion ({text}).')
        self._served = True
        named = getattr(completion, 'model', None)
        if named and not str(named).startswith(fields['model']) and \
                not self._warned:
            self._warned = True
            warn(f'{self._client.base_url}: asked for the model '
                 f'{fields["model"]!r}, it says that {named!r:.80} answers. '
                 'The cue file records the former.')
        if not isinstance(text, str):
            return ChatFailure(
                f'The answer has no text (finish_reason: {reason}). A model '
                'that reasons first may need a larger max_tokens.')
        text = self._masked(text)
        return CutText(text) if reason == 'length' else text

    def _masked(self, text: str) -> str:
        return text.replace(self._key, '***') if self._key else text

    def _failure(self, error: Exception, **kwargs: Any) -> ChatFailure:
        text = self._masked(f'{type(error).__name__}: {error}')
        text = ' '.join(text.split())[:400]
        response = getattr(error, 'response', None)
        if response is not None and response.headers.get('location'):
            text += (' It redirects, which is not followed: base_url must be '
                     'the final address.')
        return ChatFailure(f'{self._client.base_url}: {text}', **kwargs)
