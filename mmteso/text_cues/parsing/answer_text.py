# Copyright (c) mmteso contributors. All rights reserved.
"""First step of the parser: which part of the output is the answer's text.

Language models put more into their output than an answer: control tokens of
their chat template, a reasoning block, the conversation so far, or a
conversation with themselves that goes on after the answer.
"""
import html
import re
import unicodedata
from typing import Iterator, List, Tuple


class CueParseError(ValueError):
    """An answer from which no cues can be read; the message says why."""


# A longer answer is a loop, or thought aloud: what was asked for stands at its
# beginning or at its end. Of each this many characters are read.
_END_CHARS = 5000

_ASSISTANT, _OTHER = 'assistant', 'other'
_ASSISTANT_NAMES = ('assistant', 'model', 'gpt', 'bot', 'ai', 'response')

# Punctuation of other scripts -> what the grammar knows. Full-width forms
# are handled by Unicode's own normalization (NFKC).
_PUNCTUATION = str.maketrans({
    **dict.fromkeys('‘’‚‛′ʼ´', "'"),
    **dict.fromkeys('“”„‟″«»‹›「」『』《》〈〉【】〔〕', '"'),
    **dict.fromkeys('、،・', ','),
    '؛': ';',
    '؟': '?',
    **dict.fromkeys('。।', '. '),
    **dict.fromkeys('‐‑‒–', '-'),
    **dict.fromkeys('—―', ' - '),
    **dict.fromkeys('→⇒', ':'),
    **dict.fromkeys('\r\x0b\x0c\x85\u2028\u2029', '\n'),
    # invisible: soft hyphen, zero-width and direction marks, emoji selectors
    **dict.fromkeys([0xad, *range(0x200b, 0x2010), *range(0x202a, 0x202f),
                     *range(0x2060, 0x2070), 0xfeff, *range(0xfe00, 0xfe10)]),
})
# Surrogates, private use and control characters mean nothing here; the
# grammar uses one of the private characters itself.
_MEANINGLESS = re.compile('[\ud800-\udfff\ue000-\uf8ff\0-\x08\x0e-\x1f\x7f]')

_THINK = re.compile(r'<(/?)(?:think|thinking|reasoning|thought)>', re.I)
_ANSWER_TAG = re.compile(r'<(/?)(?:final_)?answer>', re.I)
_TAG = re.compile(r'<(/?)(br|p|li|ul|ol|div|span|b|i|em|strong|code|pre|'
                  r'h[1-6])(?:\s[^<>\n]{0,80})?/?>', re.I)

_BLANK_LINES = re.compile(r'\n(?:[ \t]*\n)+')
_LATEX = re.compile(r'\\(?:boxed|text|textbf|mathrm)\s*\{')
# Code fences with their language.
_FENCE = re.compile(
    r'```(?:(?:json|jsonc|python|text|txt|markdown|plaintext)\b)?')
# Bold, code, strikethrough, titles, quotations.
_MARKUP = re.compile(r'\*\*|__|`|~~|^[ \t]*(?:#{1,6}|>)[ \t]+', re.M)
_ARROW = re.compile(r'[-=]{1,4}>')
_ENTITY = re.compile(r'&(?:#\d{1,6}|#x[\da-f]{1,5}|[a-z]{2,8});', re.I)

# Where somebody's turn begins or ends. The groups of _ROLES are who speaks
# next, if that is said.
_TURN = re.compile(
    r'<(?:'
    r'\|(?:im_start\|>[ \t]*(?P<im>\w*)\n?'
    r'|start_header_id\|>[ \t]*(?P<header>\w*)[ \t]*<\|end_header_id\|>'
    r'|(?P<phi>system|user|assistant)\|>'
    r'|(?:im_end|eot_id|end|endoftext|end_of_text)\|>)'
    r'|start_of_turn>[ \t]*(?P<gemma>\w*)\n?'
    r'|/s>|eos>|end_of_turn>|<SYS>>)'
    r'|\[(?:(?P<inst>/INST)|INST)\]'
    r'|^[ \t]*(?:[#>*]{1,6}[ \t]*)?(?P<name>USER|User|ASSISTANT|Assistant|'
    r'SYSTEM)(?:\*\*)?[ \t]*:(?:\*\*)?'
    r'|^[ \t]*#{1,4}[ \t]*(?P<alpaca>Human|Instruction|Input|Response)'
    r'[ \t]*:', re.M)
# Before anything is said they end nothing.
_PADDING = ('</s>', '<eos>', '<|end_of_text|>', '<|endoftext|>', '<|eot_id|>')
_ROLES = ('im', 'header', 'phi', 'gemma', 'name', 'alpaca')
# Tokens that have no meaning of their own.
_TOKEN = re.compile(r'<</SYS>>|</?s>|<(?:bos|pad|unk)>|<0x[0-9A-F]{2}>'
                    r'|<\|[^<>|\n]{1,40}\|>')


def _without_thoughts(text: str) -> str:
    """Leave out what a model thought before it answered."""
    kept: List[str] = []
    thinking, start = False, 0
    for tag in _THINK.finditer(text):
        if tag.group(1):
            if not thinking:
                # The chat template had opened the block already.
                kept.clear()
            thinking, start = False, tag.end()
        elif not thinking:
            kept.append(text[start:tag.start()])
            thinking = True
    if not thinking:
        kept.append(text[start:])
    answer = '\n'.join(kept)
    if thinking and not answer.strip():
        raise CueParseError('the answer ends within its reasoning')
    return answer


def _turns(text: str) -> Iterator[Tuple[str, str]]:
    """Divide the output: who speaks, and what; blank turns are left out.

    Before any marker the model itself speaks, after an end marker nobody.
    """
    role, start = _ASSISTANT, 0
    begun = False
    for turn in _TURN.finditer(text):
        said = text[start:turn.start()]
        if _TOKEN.sub('', said).strip():
            yield role, said
            begun = True
        if not begun and turn.group() in _PADDING:
            start = turn.end()
            continue
        name = next(filter(None, map(turn.group, _ROLES)), '')
        assistant = turn.group('inst') or name.lower() in _ASSISTANT_NAMES
        role, start = _ASSISTANT if assistant else _OTHER, turn.end()
    if _TOKEN.sub('', text[start:]).strip():
        yield role, text[start:]


def _own_turn(text: str) -> str:
    """The turn that is the model's answer to what it was asked."""
    turns = _turns(text)
    role, said = next(turns, (_ASSISTANT, ''))
    if role == _ASSISTANT:
        # What follows is a conversation that the model made up.
        return said
    own = [said for role, said in turns if role == _ASSISTANT]
    if len(own) != 1:
        # With demonstrations repeated too, nothing tells the answer from
        # them.
        raise CueParseError('the answer repeats a conversation with '
                            f'{len(own)} answers in it, of which none can be '
                            'told to be the one asked for')
    return own[0]


def _without_middle(text: str) -> str:
    """Beginning and end of a long text, in whole lines if it has any."""
    if len(text) <= 2 * _END_CHARS:
        return text
    head, tail = text[:_END_CHARS], text[-_END_CHARS:]
    return f'{head.rpartition(chr(10))[0] or head}\n\n' + (
        tail.partition('\n')[2] or tail)


def _of_tag(tag: 're.Match') -> str:
    """What stands for an HTML tag."""
    name = tag.group(2).lower()
    if name == 'li' and not tag.group(1):
        return '\n- '
    return '\n' if name in ('br', 'div', 'li', 'ol', 'p', 'ul') else ' '


def answer_text(output: str) -> str:
    r"""Find the answer's text in a model's output.

    In this order:

    1. Unicode: compatibility forms, quotation marks, dashes and separators
       of other scripts become the ASCII characters that the grammar knows;
       invisible characters go.
    2. Reasoning blocks (``<think>...</think>``) go, also one whose beginning
       is missing because the chat template had written it.
    3. The first turn counts, and a conversation that the model goes on to
       make up (``User: ...``, ``[INST]``, ``</s>``, ...) doesn't. If the
       output begins with somebody else's turn, the model repeated the
       prompt: then the assistant's turn counts, if there is only one.
    4. Of a text of over 10,000 characters the first and the last 5,000 count.
    5. Control tokens, HTML tags and entities, ``\boxed{}`` and the marks of
       Markdown go; ``<answer>`` becomes ``Answer:``.

    Args:
        output (str): What the model wrote.

    Returns:
        str: The answer's text, with something in it.

    Raises:
        CueParseError: If there is none, or it can't be told from the rest.
    """
    text = unicodedata.normalize('NFKC', output.replace('\r\n', '\n'))
    text = _MEANINGLESS.sub(' ', text.translate(_PUNCTUATION))
    text = _without_middle(_own_turn(_without_thoughts(text)))
    text = _ANSWER_TAG.sub(lambda tag: '\n' if tag.group(1) else '\nAnswer: ',
                           _TOKEN.sub(' ', text))
    text = _ARROW.sub(':', _TAG.sub(_of_tag, text))
    text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    text = unicodedata.normalize('NFKC', text)
    text = _MEANINGLESS.sub(' ', text.translate(_PUNCTUATION))
    text = _MARKUP.sub('', _FENCE.sub(' ', _LATEX.sub(' ', text)))
    if not text.strip():
        raise CueParseError('the answer is empty')
    return _BLANK_LINES.sub('\n\n', text)
