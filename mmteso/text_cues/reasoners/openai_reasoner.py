# Copyright (c) mmteso contributors. All rights reserved.
import asyncio
import dataclasses
import json
import threading
import weakref
from typing import Any, Dict, List, Optional, Sequence, Union

from ..registry import REASONERS
from ..structures import ChatFailure, Conversation, Frame, Reasoning
from .base_reasoner import PromptedReasoner
from .chat_client import ChatClient, import_http
from .chat_protocol import CutAnswer, complete_base_url

# What the arguments, or the class itself, decide about a request.
_OWN_FIELDS = ('messages', 'model', 'max_tokens', 'stream', 'temperature')


class _Worker:
    """An event loop in a thread, with a client in it.

    The requests of one batch after the other share the client's connections,
    whichever thread asks, be there a running event loop in it (as in a
    notebook) or not.
    """

    def __init__(self, arguments: Dict[str, Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._main, name='OpenAIReasoner', daemon=True)
        self._thread.start()
        self.client: Optional[ChatClient] = None
        try:
            self.client = self.run(self._make_client(arguments))
        except BaseException:
            self.close()
            raise

    def _main(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    @staticmethod
    async def _make_client(arguments: Dict[str, Any]) -> ChatClient:
        return ChatClient(**arguments)

    def run(self, coroutine):
        """The coroutine's result; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _finish(self) -> None:
        try:
            if self.client is not None:
                await self.client.close()
        finally:
            self._loop.stop()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop)
        # garbage is collected in any thread, this one included
        if threading.current_thread() is not self._thread:
            self._thread.join()


@REASONERS.register_module()
class OpenAIReasoner(PromptedReasoner):
    """A language model behind an OpenAI-compatible HTTP endpoint.

    vLLM, llama.cpp, Ollama, TGI and the services that speak the same
    protocol, ``POST {base_url}/chat/completions``. [ours]

    The frames of a batch are asked about at the same time, ``concurrency`` at
    most. An attempt that times out, meets a busy or broken server (HTTP 408,
    409, 425, 429, 5xx), loses the connection or brings a body that isn't what
    the protocol says is made again, after a random wait of ``backoff`` seconds
    at most, then twice as many and so on, or after what the server's header
    ``Retry-After`` says. A conversation that fails nevertheless, or that the
    server refuses (HTTP 400: too long, filtered, ...), fails its frame.

    The API key is read from the environment, and from nowhere else, when the
    first batch is sent; it is sent to ``base_url`` whoever runs it. It isn't
    in the config, in no message and in no answer, should the server repeat
    it. Redirections are not followed.

    Args:
        base_url (str): Address of the API, e.g. ``http://HOST:8000/v1``; one
            without a path gets '/v1'.
        model (str): The model's name on the server; also what the cue file
            records (the address isn't recorded).
        prompt (str): See :class:`PromptedReasoner`. Defaults to
            'few_shot_cot'.
        num_cues (int): Largest number of cues, N_T. Defaults to 4.
        temperature (float, optional): 0 for the most likely answer; None
            leaves it to the server. Defaults to 0.
        max_tokens (int, optional): Longest answer, in tokens; None leaves it
            to the server. An answer that reaches it is parsed as it is; if
            that fails, the error says that it was cut off. Defaults to 512.
        extra_body (dict, optional): Further fields of a request, e.g.
            ``dict(seed=0, stop=['Caption:'])``. Defaults to None.
        concurrency (int): Largest number of requests at a time. The server
            works on so many frames at once only if the batches of the run
            have as many. Defaults to 16.
        timeout (float): Seconds that an attempt may take, from connecting to
            the last byte. A server that answers one request after the other
            needs ``concurrency`` times as long as for one. Defaults to 300.
        connect_timeout (float): Seconds that connecting may take.
            Defaults to 10.
        max_retries (int): Further attempts of a request. Defaults to 6, with
            the waits below about a minute at most.
        backoff (float): Longest first wait, in seconds. Defaults to 1.
        max_backoff (float): Longest wait, in seconds, whatever
            ``Retry-After`` says. Defaults to 60.
        api_key_env (str, optional): Environment variable with the API key; no
            key is sent if it isn't set. None sends none. Defaults to
            'OPENAI_API_KEY'.
        trust_env (bool): Whether proxies (``HTTPS_PROXY``, ``NO_PROXY``,
            ...) and certificates (``SSL_CERT_FILE``) of the environment are
            used. Off by default, as most servers stand in the own network,
            where a proxy doesn't reach them; a service beyond a proxy needs
            True. Defaults to False.
        api_key (None): Not to be given; here to say so.

    Raises:
        ImportError: If httpx or tenacity is missing.
        ValueError: If an argument has an impossible value.

    :meth:`chat` raises :class:`mmteso.text_cues.ModelUnavailableError` if
    the server can't serve any conversation: no connection for a whole batch,
    a wrong key (401; 403 before the first answer), model or path (404, 405),
    no credit (402), a redirection, or a proxy that wants a password.
    """

    def __init__(self,
                 base_url: str,
                 model: str,
                 prompt: str = 'few_shot_cot',
                 num_cues: int = 4,
                 temperature: Optional[float] = 0.,
                 max_tokens: Optional[int] = 512,
                 extra_body: Optional[Dict[str, Any]] = None,
                 concurrency: int = 16,
                 timeout: float = 300.,
                 connect_timeout: float = 10.,
                 max_retries: int = 6,
                 backoff: float = 1.,
                 max_backoff: float = 60.,
                 api_key_env: Optional[str] = 'OPENAI_API_KEY',
                 trust_env: bool = False,
                 api_key: None = None) -> None:
        super().__init__(prompt, num_cues)
        # before hours of captioning
        import_http()
        if api_key is not None or 'api_key' in (extra_body or ()):
            raise ValueError(
                'api_key must not be given: configs are logged, copied and '
                'shared. Put the key into an environment variable, and its '
                'name into api_key_env.')
        if not model:
            raise ValueError('model must not be empty')
        extra_body = dict(extra_body or {})
        own = sorted(extra_body.keys() & set(_OWN_FIELDS))
        if own:
            raise ValueError(f'extra_body holds {own}: give model, '
                             'temperature and max_tokens as arguments; '
                             'messages and stream are decided already')
        for name, value, least in [('concurrency', concurrency, 1),
                                   ('max_retries', max_retries, 0)]:
            if type(value) is not int or value < least:
                raise ValueError(f'{name} must be a whole number from '
                                 f'{least}, but got {value!r}')
        for name, value in [('timeout', timeout),
                            ('connect_timeout', connect_timeout)]:
            if not value > 0:
                raise ValueError(f'{name} must be positive, but got {value}')
        if not 0 <= backoff <= max_backoff:
            raise ValueError('0 <= backoff <= max_backoff must hold, but got '
                             f'{backoff} and {max_backoff}')
        self.name = model
        self.max_tokens = max_tokens
        try:
            json.dumps(extra_body)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'extra_body can\'t be written as JSON: {error}') from error
        payload = dict(extra_body, model=model)
        if temperature is not None:
            payload['temperature'] = temperature
        if max_tokens is not None:
            payload['max_tokens'] = max_tokens
        self._arguments = dict(
            url=complete_base_url(base_url),
            payload=payload,
            concurrency=concurrency,
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_retries=max_retries,
            backoff=backoff,
            max_backoff=max_backoff,
            api_key_env=api_key_env,
            trust_env=trust_env)
        self._worker: Optional[_Worker] = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(base_url={self._arguments["url"]!r}, '
                f'model={self.name!r}, prompt={self.prompt_name!r})')

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Ask one short question: see :meth:`BaseReasoner.prepare`.

        A wrong address, key or model is thus found before the captioner's
        weights are loaded.

        Raises:
            ModelUnavailableError: If the server can't serve any conversation.
        """
        self.chat([[dict(role='user', content='Answer: ok')]])

    def chat(
        self, conversations: Sequence[Conversation]
    ) -> List[Union[str, ChatFailure]]:
        """See :meth:`PromptedReasoner.chat`; from any thread."""
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._arguments)
                # also at the interpreter's end
                self._close = weakref.finalize(self, self._worker.close)
        return self._worker.run(self._worker.client.ask(conversations))

    def close(self) -> None:
        """Close the connections; the next :meth:`chat` opens new ones."""
        with self._lock:
            if self._worker is not None:
                self._close()
                self._worker = None

    def _parse(self, answer: Union[str, ChatFailure]) -> Reasoning:
        reasoning = super()._parse(answer)
        if reasoning.failed and isinstance(answer, CutAnswer):
            return dataclasses.replace(
                reasoning,
                error=f'{reasoning.error.rstrip(".")}. The answer was cut off '
                f'at max_tokens={self.max_tokens}.')
        return reasoning
