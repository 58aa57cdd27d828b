# Copyright (c) mmteso contributors. All rights reserved.
import functools
import re
from typing import Iterator, List, Optional, Sequence, Tuple

from mmteso.io import normalize_phrase
from ..parsing.noun_phrases import singular
from ..registry import REASONERS
from ..structures import Frame, ModelUnavailableError, Reasoning
from .base_reasoner import BaseReasoner

TAGGER = 'averaged_perceptron_tagger_eng'

#: Nouns by which a description speaks about the picture, or about places and
#: amounts in it, and not of an object that it shows.
SCENE_WORDS: Tuple[str, ...] = (
    # the picture
    'caption', 'clip', 'close-up', 'depiction', 'description', 'focus',
    'footage', 'frame', 'illustration', 'image', 'photo', 'photograph',
    'picture', 'scene', 'screenshot', 'shot', 'snapshot', 'still', 'video',
    'view', 'viewer',
    # places in it
    'area', 'back', 'background', 'bottom', 'center', 'centre', 'corner',
    'direction', 'distance', 'edge', 'end', 'foreground', 'front', 'left',
    'location', 'middle', 'part', 'place', 'position', 'right', 'section',
    'side', 'space', 'spot', 'surrounding', 'top',
    # amounts and kinds
    'array', 'assortment', 'bit', 'bunch', 'collection', 'couple', 'group',
    'kind', 'lot', 'number', 'pair', 'piece', 'row', 'series', 'set', 'sort',
    'type', 'variety',
    # what is said of objects and of the whole
    'action', 'activity', 'addition', 'ambiance', 'ambience', 'appearance',
    'atmosphere', 'attention', 'attire', 'color', 'colour', 'context', 'day',
    'detail', 'element', 'environment', 'event', 'experience', 'expression',
    'feeling', 'impression', 'item', 'light', 'lighting', 'manner', 'moment',
    'mood', 'object', 'performance', 'presence', 'sense', 'setting', 'shape',
    'size', 'something', 'style', 'subject', 'texture', 'thing', 'time',
    'visual', 'way', 'width')

# NLTK's own sentence splitter needs data that the rest does not.
_SENTENCE_END = r'(?<=[.!?])["\')\]”’]*\s+|\n+'
# A word: letters, in its middle also hyphens and apostrophes.
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*[^\W_])?")


def _import_nltk():
    """NLTK, or a word on how to get it and what else is needed."""
    try:
        import inflect  # noqa: F401, for singular()
        import nltk
        import nltk.tag.perceptron
        import nltk.tokenize
    except ImportError as error:
        raise ImportError('NounParser needs NLTK and inflect, which are not '
                          "installed: pip install 'mmteso[text]'") from error
    return nltk


@REASONERS.register_module()
class NounParser(BaseReasoner):
    """The nouns of the caption as cues, no language model (paper, TeSO_n).

    Every noun is taken for an object that could sound, in the order of the
    caption: nothing is judged. NLTK tags the words with its averaged
    perceptron tagger and groups them by a grammar; plural nouns become
    singular, as in the answers of language models; each noun counts once.
    Which nouns the paper's authors dropped isn't known; ``scene_words`` is
    our list.

    The tagger's data is not part of NLTK. It is downloaded, once, by::

        python -m nltk.downloader averaged_perceptron_tagger_eng

    and found in the usual folders of NLTK, or in that of the environment
    variable ``NLTK_DATA``.

    Not run with NLTK's own data: it could not be downloaded where this was
    developed. The tests load a tagger of the same form, trained by NLTK on a
    few sentences; how well the real one tags the captions isn't measured.

    Args:
        num_cues (int): Largest number of cues, N_T. Defaults to 4.
        phrases (bool): Take whole phrases ('hair dryer'), not their last
            noun ('dryer'). Defaults to False: the paper has nouns.
        grammar (str): The phrases: a grammar of ``nltk.RegexpParser`` whose
            chunks are called NP. Defaults to neighbouring nouns,
            'NP: {<NN.*>+}'; 'NP: {<JJ>*<NN.*>+}' adds their adjectives.
        scene_words (Sequence[str]): Nouns, in the singular, that name no
            object; a phrase that ends in one is dropped. Defaults to
            ``SCENE_WORDS`` of this module: 'image', 'background', 'group',
            ...

    Raises:
        ImportError: If NLTK or inflect is missing.
        ValueError: If an argument has an impossible value.
    """

    def __init__(self,
                 num_cues: int = 4,
                 phrases: bool = False,
                 grammar: str = 'NP: {<NN.*>+}',
                 scene_words: Sequence[str] = SCENE_WORDS) -> None:
        if num_cues < 1:
            raise ValueError(f'num_cues must be at least 1, but got '
                             f'{num_cues}')
        if isinstance(scene_words, str):
            raise TypeError('scene_words must be a sequence of nouns, but got '
                            f'the string {scene_words!r}')
        nltk = _import_nltk()
        if not re.search(r'^\s*NP\s*:', grammar, re.MULTILINE):
            raise ValueError('The chunks of the grammar must be called NP, as '
                             f"in 'NP: {{<NN.*>+}}', but got {grammar!r}")
        self.num_cues = num_cues
        self.phrases = phrases
        self.name = f'nltk {nltk.__version__} {TAGGER}' + (
            ' phrases' if phrases else '')
        self._chunker = nltk.RegexpParser(grammar)
        self._sentences = nltk.tokenize.RegexpTokenizer(
            _SENTENCE_END, gaps=True)
        self._words = nltk.tokenize.NLTKWordTokenizer()
        self._scene_words = {normalize_phrase(word) for word in scene_words}

    @functools.cached_property
    def _tagger(self):
        nltk = _import_nltk()
        try:
            return nltk.tag.perceptron.PerceptronTagger()
        except LookupError as error:
            raise ModelUnavailableError(
                f'NLTK {nltk.__version__} finds no data of its tagger '
                f'"{TAGGER}". Download it, where there is a network, by '
                f'`python -m nltk.downloader {TAGGER}`, or name the folder '
                'nltk_data that holds taggers/'
                f'{TAGGER} in the environment variable NLTK_DATA. Searched: '
                f'{", ".join(nltk.data.path)}.') from error
        except (OSError, ValueError) as error:
            raise ModelUnavailableError(
                f'The data of NLTK\'s tagger "{TAGGER}" cannot be read '
                f'({error}). Download it anew: '
                f'`python -m nltk.downloader --force {TAGGER}`.') from error

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the tagger.

        Args:
            frames (Sequence[Frame]): Anything.

        Raises:
            ModelUnavailableError: If its data is missing or broken; says how
                to get it.
        """
        self._tagger

    def _chunks(self, caption: str) -> Iterator[List[Tuple[str, str]]]:
        """The caption's phrases as words and their tags."""
        for sentence in self._sentences.tokenize(caption):
            tagged = self._tagger.tag(self._words.tokenize(sentence))
            if tagged:
                tree = self._chunker.parse(tagged)
                for chunk in tree.subtrees(lambda t: t.label() == 'NP'):
                    yield chunk.leaves()

    @staticmethod
    def _clean(word: str) -> Optional[str]:
        """A word as cues are compared; None if it is none."""
        match = _WORD.fullmatch(word.strip("'’-"))
        return match and normalize_phrase(match.group())

    def _nouns(self, caption: str) -> List[str]:
        """All nouns of a caption, each once, in its order."""
        found = {}
        for chunk in self._chunks(caption):
            words = [self._clean(word) for word, _ in chunk]
            if None in words:
                continue
            words[-1] = singular(words[-1])
            if words[-1] in self._scene_words:
                continue
            found[' '.join(words) if self.phrases else words[-1]] = None
        return list(found)

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """Take the nouns.

        Args:
            frames (Sequence[Frame]): A batch.
            captions (Sequence[str]): Their descriptions.

        Returns:
            list[Reasoning]: One per frame, with all of its nouns as text. A
            caption without nouns gives no cue, which is no failure.

        Raises:
            ModelUnavailableError: If the tagger's data is missing or broken.
        """
        found = [self._nouns(caption) for caption in captions]
        return [
            Reasoning(tuple(nouns[:self.num_cues]), ', '.join(nouns))
            for nouns in found
        ]
