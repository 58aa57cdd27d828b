# Copyright (c) mmteso contributors. All rights reserved.
"""What an OpenAI-compatible chat server says, and how it may be read.

Nothing here needs a network. Of a server's words nothing is taken on trust:
they end up in logs and in the cue file, so they are cleaned of control
characters and of the API key, and cut short.
"""
import datetime
import email.utils
import json
import math
from typing import Optional
from urllib.parse import quote, urlsplit

# Longest part of a server's message that is passed on.
_MESSAGE_CHARS = 300


class PassingError(Exception):
    """A request that may be answered if it is made again.

    Args:
        reason (str): What went wrong, for people.
        retry_after (float, optional): Seconds that the server wants to be
            left alone for. Defaults to None.
        unreachable (bool): Whether there was no connection at all.
            Defaults to False.
    """

    def __init__(self,
                 reason: str,
                 retry_after: Optional[float] = None,
                 unreachable: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.unreachable = unreachable


class RefusedError(Exception):
    """A request that the server will not answer however often it is made."""


class CutAnswer(str):
    """An answer that ended because it had reached the allowed length."""


def complete_base_url(base_url: str) -> str:
    """Complete the address of a server.

    Args:
        base_url (str): With or without a trailing slash. One without a path
            gets '/v1'; one with a path is taken as it is.

    Returns:
        str: The address without a trailing slash.

    Raises:
        ValueError: If it is no HTTP address, or holds a password or a query.
    """
    parts = urlsplit(base_url)
    # shown in neither message: what is too much may be a secret
    if '@' in parts.netloc:
        raise ValueError('base_url holds a user or a password; an API key '
                         'comes from the environment (api_key_env)')
    if parts.query or parts.fragment:
        raise ValueError('base_url must have no query ("?...") and no '
                         'fragment ("#..."); an API key comes from the '
                         'environment (api_key_env)')
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        raise ValueError('base_url must be an address such as '
                         f'"http://HOST:8000/v1", but got "{base_url}"')
    url = base_url.rstrip('/')
    if url.endswith('/chat/completions'):
        url = url[:-len('/chat/completions')]
    return url if urlsplit(url).path else f'{url}/v1'


def hide_key(text: str, key: str) -> str:
    """Replace an API key, as it is or as JSON and URLs escape it.

    Args:
        text (str): Anything.
        key (str): The key; '' if there is none.

    Returns:
        str: The text without the key.
    """
    if key:
        for form in (key, key.replace('/', '\\/'), quote(key, safe='')):
            text = text.replace(form, '***')
    return text


def clean_message(text: str, key: str = '') -> str:
    """Make a server's words fit for a log.

    Args:
        text (str): Anything.
        key (str): An API key that must not appear. Defaults to ''.

    Returns:
        str: One line of about 300 characters at most that can be printed.
    """
    text = hide_key(text, key)
    text = ' '.join(text.split())
    text = ''.join(c for c in text if c.isprintable())
    # once more: what can't be seen may have interrupted it
    text = hide_key(text, key)
    if len(text) > _MESSAGE_CHARS:
        text = f'{text[:_MESSAGE_CHARS]}...'
    return text


def parse_retry_after(value: Optional[str]) -> Optional[float]:
    """Read the header ``Retry-After``.

    Args:
        value (str, optional): Seconds, or a date as in HTTP.

    Returns:
        float | None: Seconds from now, at least 0; None if there is no such
        header or it can't be read.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        if date.tzinfo is None:  # '-0000'
            date = date.replace(tzinfo=datetime.timezone.utc)
        now = datetime.datetime.now(datetime.timezone.utc)
        seconds = (date - now).total_seconds()
    return None if math.isnan(seconds) else max(0., seconds)


def _decoded(body: bytes) -> str:
    """A body as text, at a length that can still be cleaned."""
    return body[:2**16].decode('utf-8', errors='replace')


def server_message(body: bytes) -> str:
    """What a server's error says; the forms of several servers are known.

    Args:
        body (bytes): The body.

    Returns:
        str: The message, or the whole body if it has another form.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return _decoded(body)
    for _ in range(2):
        if isinstance(values, dict):
            values = next((values[name]
                           for name in ('error', 'message', 'detail')
                           if values.get(name)), None)
    return values if isinstance(values, str) else _decoded(body)


def parse_completion(body: bytes) -> str:
    """Read the answer in the body of a chat completion.

    Args:
        body (bytes): The body.

    Returns:
        str: The text of the first choice; a :class:`CutAnswer` if it had
        reached the allowed length.

    Raises:
        PassingError: If the body isn't what the protocol says.
        RefusedError: If there is no text, and won't be the next time either.
    """
    try:
        # in UTF-8, -16 or -32, as it finds by itself
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PassingError(
            f'the answer is no JSON but "{_decoded(body)}"') from error
    if isinstance(values, dict) and values.get('error'):
        raise PassingError(f'the answer is an error: {server_message(body)}')
    try:
        choice = values['choices'][0]
        message = choice['message']
        content, refusal = message.get('content'), message.get('refusal')
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise PassingError('the answer has no choices[0].message but is '
                           f'"{_decoded(body)}"') from error
    reason = choice.get('finish_reason')
    if isinstance(content, list):  # in parts, as some servers send it
        content = ''.join(
            part['text'] for part in content if isinstance(part, dict)
            and isinstance(part.get('text'), str))
    if content is None and isinstance(refusal, str):
        content = refusal
    if content is None and reason == 'length':
        raise RefusedError('the allowed length (max_tokens) was reached '
                           'before the answer began')
    if content is None and reason == 'content_filter':
        raise RefusedError("the server's content filter took the answer away")
    if not isinstance(content, str):
        raise PassingError(
            f"the answer's text is not a string but {content!r}")
    # half of a surrogate pair can't be written to any file
    content = content.encode('utf-8', 'replace').decode('utf-8')
    return CutAnswer(content) if reason == 'length' else content
