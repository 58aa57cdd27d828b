# Copyright (c) mmteso contributors. All rights reserved.
r"""From a language model's answer to text cues.

Models are asked for a last line ``Answer: guitar, man``, and often answer
otherwise. :func:`parse_cues` reads what they write in four steps, with the
modules of :mod:`mmteso.text_cues.parsing`, and refuses the rest:

1. **The answer's text** (``answer_text``): without reasoning blocks, control
   tokens, markup, a repeated prompt and a made-up continuation of the
   conversation. A line ``Caption:``, ``Question:`` or ``Human:`` begins such
   a continuation if there is an answer before it. Of more than 10,000
   characters both ends are read.
2. **Where the objects are named** (this module; ``sections`` for lines,
   ``sentences``, ``json_cues``). The first of these that can be read wins:

   1. JSON, if the text begins with it;
   2. what follows a *heading* or *statement* of the answer: ``Final answer:``
      before ``Answer:``, ``Output:``, ``The answer is ...``; the first one,
      because models that don't stop repeat themselves;
   3. a JSON object elsewhere in the text, the last one;
   4. what follows a heading or statement about objects that sound:
      ``Potential sounding objects:``, ``The most likely sound source is
      ...``; the last one, because they are narrowed down step by step, but
      of equal ones the first, and numbered ones together;
   5. a JSON array elsewhere in the text, the last one;
   6. the last conclusion about objects that sound: 'Therefore, the dog could
      be barking.';
   7. a plain list, without any heading, at the beginning of the text: lines,
      bullets, or 'a dog and a man';
   8. all sentences that say of objects that they sound;
   9. a sentence that says that nothing can sound;
   10. a heading or statement about objects as such ('The objects in the
       caption are ...'), if no other follows.

   Headings of what is denied ('Objects that cannot sound:') and of the steps
   on the way ('Objects:', 'Groups:', 'Explanation:') name nothing; in a text
   with such steps 5, 8 and 10 don't apply, and in a refusal nothing after 4
   does. Below a single name beside a heading, the lines directly following
   count as long as each is a bare name.
3. **Items** (``noun_phrases``): a list is split at commas, semicolons,
   strokes, 'and', 'or', numbers and line breaks. Explanations go, in
   brackets, behind a colon, a dash, 'because' and the like; an item that its
   explanation denies ('table (silent)') doesn't count. If a clause denies
   all ('bicycles, but they are silent'; ``denials``), no cue is left.
4. **Noun phrases** (``noun_phrases``, ``plurals``): articles, numbers and
   amounts go, and what follows the name ('in the background', 'that barks');
   adjectives stay; the last word becomes singular; duplicates go. 'A man
   playing the guitar' names both. Rejected are names of over four words, of
   nothing in particular ('sound source', 'object most likely'), in other
   than Latin letters, of single letters ('A, B'), or with words that no name
   holds ('can', 'it').

A list with more rejected items than names is prose, and isn't read. 'None',
``[]`` and 'No sounding objects' are answers: no cue. An answer that can't be
read is an error, never a guess: every word of a cue is a word of the answer,
or its singular.
"""
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .parsing import english
from .parsing.answer_text import CueParseError, answer_text
from .parsing.json_cues import read_found
from .parsing.lenient_json import Pairs, find_json
from .parsing.noun_phrases import Items, merge
from .parsing.sections import (Section, free_sentences, read_json, read_plain,
                               read_section, sections_of)
from .parsing.sentences import (About, clauses, denies_all, is_conclusion,
                                sentences, sounding_subject)

__all__ = ['CueParseError', 'parse_cues']

_THINKING = re.compile(r'^[^\w\n]{0,9}step\s+\d', re.I | re.M)
# Begin another round of questions and answers.
_NEXT_ROUND = re.compile(
    r'^[^\w\n]{0,9}(?:human|(?:image |video |new )?(?:caption|description)'
    r'|question|q|input|user|example(?: \d+)?)\s*:', re.I | re.M)


def _verdict(items: Optional[Items]) -> Optional[Tuple[str, ...]]:
    """The cues, if what was read is a list or says that there is nothing."""
    if items is None:
        return None
    if items.is_list:
        return items.phrases
    if items.absent and not items.phrases and not items.rejected:
        return ()
    return None


class _Prose(NamedTuple):
    """What the sentences of a text say.

    Attributes:
        concluded (tuple[str], optional): The objects that sound, by the last
            sentence that concludes.
        asserted (tuple[str]): Those by any sentence.
        denied (bool): Whether a sentence says that nothing sounds.
    """
    concluded: Optional[Tuple[str, ...]]
    asserted: Tuple[str, ...]
    denied: bool


def _read_prose(sections: Sequence[Section]) -> _Prose:
    concluded = None
    asserted: List[str] = []
    denied = False
    for sentence in free_sentences(sections):
        denied = denied or denies_all(sentence)
        named = [_verdict(sounding_subject(c)) for c in clauses(sentence)]
        cues = tuple(cue for cues in named if cues for cue in cues)
        asserted += cues
        if cues and is_conclusion(sentence):
            concluded = tuple(dict.fromkeys(cues))
    return _Prose(concluded, tuple(dict.fromkeys(asserted)), denied)


def _read_headed(said: Sequence[Section],
                 wanted: About) -> Iterator[Tuple[str, ...]]:
    """What is named behind headings and statements, equal ones once."""
    numbered: Dict[str, List[Section]] = {}
    for section in said:
        if section.about is wanted:
            # 'Sound source 1:' and 'Sound source 2:' belong together
            heading = section.heading.rstrip('0123456789 ')
            if heading != section.heading:
                numbered.setdefault(heading, []).append(section)
    seen = set()
    for section in said:
        heading = section.heading.rstrip('0123456789 ')
        if section.about is not wanted or heading in seen:
            continue
        read = map(read_section, numbered.get(heading, [section]))
        cues = _verdict(merge(items for items in read if items))
        if cues is not None:
            seen.add(heading)
            yield cues


def _find_cues(text: str) -> Optional[Tuple[str, ...]]:
    """Try the places where objects may be named, in the grammar's order."""
    if text.lstrip()[:1] in ('[', '{'):
        cues = _verdict(read_json(text.lstrip()))
        if cues is not None:
            return cues
    sections, said = sections_of(text)
    for wanted in (About.FINAL_ANSWER, About.ANSWER):
        for cues in _read_headed(said, wanted):
            return cues
    values = [(isinstance(found.value, Pairs), _verdict(read_found(found)))
              for found in find_json(text)]
    objects = [cues for is_object, cues in values if is_object and cues]
    found = objects or list(_read_headed(said, About.SOUNDING))
    if found:
        return found[-1]
    if _is_refusal(text):
        return None
    steps = bool(_THINKING.search(text))
    thought = steps or any(section.about is About.STEPS for section in said)
    arrays = [cues for _, cues in values if cues and not thought]
    if arrays:
        return arrays[-1]
    prose = _read_prose(sections)
    if prose.concluded:
        return prose.concluded
    cues = None if steps else _verdict(read_plain(sections[0]))
    if cues is not None:
        return cues
    if prose.asserted and not thought:
        return prose.asserted
    if prose.denied and not prose.asserted:
        return ()
    if said and said[-1].about is About.OBJECTS and not thought:
        return _verdict(read_section(said[-1]))
    return None


def _is_refusal(text: str) -> bool:
    return any(
        sentence.lower().startswith(english.REFUSALS)
        for _, sentence in zip(range(2), sentences(text)))


def parse_cues(text: str, num_cues: int = 4) -> Tuple[str, ...]:
    """Read the text cues in a language model's answer.

    The grammar is that of this module's docstring. The time is linear in the
    answer's length.

    Args:
        text (str): The answer, as the model wrote it.
        num_cues (int): Largest number of cues, N_T; what is named after them
            is dropped. Defaults to 4.

    Returns:
        tuple[str]: Noun phrases of at most four words, most likely object
        first as far as the answer says so, in the form of
        :func:`mmteso.io.normalize_phrase`, each once; empty if the answer
        says that nothing sounds.

    Raises:
        CueParseError: If the answer can't be read; the message says why.
        ImportError: If the answer has plural forms and inflect is missing.
        TypeError: If ``text`` isn't a string.
        ValueError: If ``num_cues`` is less than 1.

    Examples:
        >>> parse_cues('The dog can bark.\\nAnswer: a dog, two men')
        ('dog', 'man')
        >>> parse_cues('Answer: none')
        ()
    """
    if not isinstance(text, str):
        raise TypeError(f'an answer must be a string, but got {text!r:.80}')
    if num_cues < 1:
        raise ValueError(f'num_cues must be at least 1, but got {num_cues}')
    answer = answer_text(text)
    begun = _NEXT_ROUND.search(answer)
    cues = None
    if begun and answer[:begun.start()].strip():
        cues = _find_cues(answer[:begun.start()])
    if cues is None:
        cues = _find_cues(answer)
    if cues is not None:
        return cues[:num_cues]
    if _is_refusal(answer):
        raise CueParseError('the model refused to answer')
    if re.search(r'[^\W\d_a-zA-Z\u00c0-\u024f]', answer):
        raise CueParseError('the answer names no objects in Latin letters')
    raise CueParseError('the answer names no objects that could be found')
