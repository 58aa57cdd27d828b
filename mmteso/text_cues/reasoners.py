# Copyright (c) mmteso contributors. All rights reserved.
"""Reasoners: who names the objects of a description that could sound."""
import functools
import itertools
import os.path as osp
import re
from abc import abstractmethod
from typing import Any, Dict, List, Optional, Sequence

from mmteso.io import normalize_phrase
from mmteso.logs import warn
from mmteso.optional import require
from .answers import (AnswerError, cue_name, cue_schema, normalise_cues,
                      read_answer, strip_thinking, validate_answer)
from .base import (REASONERS, BaseReasoner, ChatFailure, Conversation, CutText,
                   Frame, ModelUnavailableError, Reasoning, Reply)
from .http_model import HTTPModel
from .local_model import LocalModel
from .prompt import PROMPT_DIR, load_prompt
from .text_file import FromFile


class PromptedReasoner(BaseReasoner):
    """A language model that is asked with one of the prompts, in two turns.

    The first answer is free, so that the model may reason. The second turn
    asks for the objects of that answer in a JSON schema, which constrained
    decoding makes the model keep. A model or server that doesn't is noticed
    by its first answers and warned about; from then on there is one turn, and
    the free answer is read. A frame without readable answer, or with one that
    was cut off, has failed, and the record keeps the raw one. Subclasses say
    in :meth:`chat` how the model is run.

    Args:
        prompt (str): Name or path of a YAML file, see
            :mod:`mmteso.text_cues.prompt`.
        num_cues (int): Largest number of cues, N_T.
    """

    def __init__(self, prompt: str = 'few_shot_cot', num_cues: int = 4
                 ) -> None:
        self.prompt = load_prompt(prompt)
        self.prompt_name = self.prompt.name
        self.prompt_hash = self.prompt.hash
        self.num_cues = num_cues
        self.schema = cue_schema(num_cues)
        # None: not known yet
        self._keeps_schema: Optional[bool] = None

    @abstractmethod
    def chat(self, conversations: Sequence[Conversation],
             schema: Optional[dict] = None) -> List[Reply]:
        """Have the model answer conversations, in a JSON schema if given."""

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        asked = [self.prompt.conversation(caption) for caption in captions]
        answers = self.chat(asked)
        second: Dict[int, Conversation] = {}
        for i, answer in enumerate(answers):
            # what the model thought before it answered is no answer
            said = isinstance(answer, str) and strip_thinking(answer)
            if said and self._keeps_schema is not False and not isinstance(
                    answer, CutText):
                second[i] = self.prompt.extract(asked[i], said)
        replies = dict(
            zip(second, self.chat(list(second.values()), self.schema))
        ) if second else {}
        known = [reply for reply in replies.values()
                 if not isinstance(reply, ChatFailure) or reply.refused]
        if self._keeps_schema is None and known:
            self._keeps_schema = any(
                self._names(reply) is not None for reply in known)
            if not self._keeps_schema:
                warn(f'"{self.name}" refuses a JSON schema or ignores it: '
                     f'{known[0]!r:.200}. From here on its free answers are '
                     'read.')
        return [self._read(answer, replies.get(i))
                for i, answer in enumerate(answers)]

    def _names(self, reply: Optional[Reply]) -> Optional[List[str]]:
        """What a reply names if it keeps the schema, else None."""
        if isinstance(reply, str):
            try:
                return validate_answer(strip_thinking(reply), self.schema)
            except AnswerError:
                pass
        return None

    def _read(self, answer: Reply, reply: Optional[Reply]) -> Reasoning:
        """The cues of a free answer and, if there is one, its second turn."""
        if isinstance(reply, ChatFailure) and not reply.refused:
            return Reasoning((), answer, reply.error)
        return _reasoning(answer, self.num_cues, self._names(reply))


def _reasoning(answer: Reply, num_cues: int,
               names: Optional[List[str]] = None) -> Reasoning:
    """The cues of an answer, or of the names that a second turn has given."""
    if isinstance(answer, ChatFailure):
        return Reasoning((), error=answer.error)
    try:
        cues = read_answer(answer, cut=isinstance(answer, CutText)) \
            if names is None else normalise_cues(names)
        return Reasoning(tuple(cues[:num_cues]), answer)
    except AnswerError as error:
        return Reasoning((), answer, str(error))


@REASONERS.register_module()
class TransformersReasoner(PromptedReasoner):
    """A causal language model of transformers with a chat template as
    reasoner (paper 3.2); its second answer is decoded under the schema.

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder.
        prompt, num_cues: See :class:`PromptedReasoner`.
        chat_template (str, optional): A Jinja template to use instead of the
            model's, or for want of it.
        template_kwargs (dict, optional): Variables of the template, e.g.
            ``dict(enable_thinking=False)``.
        **kwargs: Generation (at most 512 new tokens [ours] by default) and
            loading: see :class:`mmteso.text_cues.local_model.LocalModel`.
    """

    kind = 'causal-lm'

    def __init__(self, model: str = 'meta-llama/Llama-2-7b-chat-hf',
                 prompt: str = 'few_shot_cot', num_cues: int = 4,
                 chat_template: Optional[str] = None,
                 template_kwargs: Optional[dict] = None,
                 **kwargs: Any) -> None:
        super().__init__(prompt, num_cues)
        self.model = LocalModel(self.kind, model, **kwargs)
        self.name = self.model.name
        self._template = dict(
            template_kwargs or {}, chat_template=chat_template)

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model, and try its template and the schema."""
        self.model.constrain(self.schema)
        self.model.render(
            self.prompt.conversation('A man plays the guitar.'),
            **self._template)

    def chat(self, conversations: Sequence[Conversation],
             schema: Optional[dict] = None) -> List[Reply]:
        """See :meth:`PromptedReasoner.chat`; one that is too long fails."""
        options = {} if schema is None else self.model.constrain(schema)
        new = dict(self.model.generation, **options)['max_new_tokens']
        texts = [self.model.render(c, **self._template) for c in conversations]
        excess = [self.model.excess(text, new) for text in texts]
        generated = iter(
            self.model.generate(
                [text for text, over in zip(texts, excess) if over <= 0],
                **options))
        return [
            next(generated) if over <= 0 else ChatFailure(
                f'The prompt and an answer of {new} tokens have {over:.0f} '
                f'tokens more than "{self.name}" can take.')
            for over in excess
        ]


@REASONERS.register_module()
class CaptionerReasoner(TransformersReasoner):
    """The captioning model as reasoner (LLaVA + LLaVA of paper table D7).

    It is asked in words only, without the image. With the captioner's
    ``model`` and loading options, it is in memory once. The arguments are
    those of :class:`TransformersReasoner`.
    """

    kind = 'image-text'

    def __init__(self, model: str = 'llava-hf/llava-1.5-7b-hf',
                 **kwargs: Any) -> None:
        super().__init__(model, **kwargs)


@REASONERS.register_module()
class OpenAIReasoner(PromptedReasoner):
    """A language model behind an OpenAI-compatible endpoint. [ours]

    Its second answer is asked for with ``response_format``, which vLLM,
    llama.cpp, Ollama, TGI and OpenAI keep.

    Args:
        prompt, num_cues: See :class:`PromptedReasoner`.
        base_url, model, **kwargs: See
            :class:`mmteso.text_cues.http_model.HTTPModel`.
    """

    def __init__(self, base_url: str, model: str, prompt: str = 'few_shot_cot',
                 num_cues: int = 4, **kwargs: Any) -> None:
        super().__init__(prompt, num_cues)
        self.model = HTTPModel(base_url, model, **kwargs)
        self.name = model

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Ask one short question, before hours of captioning."""
        self.chat([[dict(role='user', content='Answer: ok')]])

    def chat(self, conversations: Sequence[Conversation],
             schema: Optional[dict] = None) -> List[Reply]:
        return self.model.chat(conversations, schema)


@REASONERS.register_module()
class FixedAnswers(FromFile, BaseReasoner):
    """Reads the cues of answers that exist already, by
    :func:`mmteso.text_cues.answers.read_answer`.

    Args:
        answers_file (str): A cue file with answers, or another file that
            :class:`mmteso.text_cues.text_file.FromFile` reads, where an
            answer is called "reasoning".
        num_cues (int): Largest number of cues, N_T.
        name, missing: See :class:`mmteso.text_cues.captioners.FixedCaptions`.
    """

    needs_caption = False

    def __init__(self, answers_file: str, num_cues: int = 4,
                 name: Optional[str] = None, missing: str = 'error') -> None:
        super().__init__(answers_file, 'reasoning', name, missing)
        self.num_cues = num_cues

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        answers = map(self.find, frames)
        return [_reasoning(answer, self.num_cues) for answer in answers]


@REASONERS.register_module()
class DatasetLabels(BaseReasoner):
    """The data set's own labels as cues, no model asked (paper, table D7).

    AVSBench names the objects that sound in a video, of its test split, too.
    'emergency-car' gives 'emergency car'; a frame without label gets no cue,
    which is no failure.

    Args:
        num_cues (int, optional): Largest number of cues, N_T; None keeps all.
    """

    name = 'dataset_labels'
    needs_caption = False

    def __init__(self, num_cues: Optional[int] = 4) -> None:
        self.num_cues = num_cues

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Check that the source of the frames gives labels."""
        if any(frame.labels is None for frame in frames):
            raise ValueError('DatasetLabels needs the frames of a data set '
                             'with labels, such as AVSBench.')

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """See :meth:`BaseReasoner.reason`; all labels are the text."""
        found = []
        for frame in frames:
            cues = list(dict.fromkeys(map(normalize_phrase, frame.labels)))
            found.append(
                Reasoning(
                    tuple(cues[:self.num_cues]), ', '.join(frame.labels)))
        return found


@REASONERS.register_module()
class NounParser(BaseReasoner):
    """The nouns of the caption as cues, no language model (paper, TeSO_n).

    Every noun is taken for an object that could sound, in the order of the
    caption. NLTK tags the words with its averaged perceptron tagger; of
    neighbouring nouns the last one is taken, in the singular, each once.
    Which nouns the paper's authors dropped isn't known; ``scene_words`` is
    our list. The tagger's data is not part of NLTK: ``python -m
    nltk.downloader averaged_perceptron_tagger_eng``.

    Args:
        num_cues (int): Largest number of cues, N_T.
        scene_words (Sequence[str], optional): Nouns, in the singular, that
            name no object. Defaults to ``prompts/scene_words.txt``.
    """

    tagger = 'averaged_perceptron_tagger_eng'

    def __init__(self, num_cues: int = 4,
                 scene_words: Optional[Sequence[str]] = None) -> None:
        nltk = require('nltk', 'text')
        if scene_words is None:
            with open(osp.join(PROMPT_DIR, 'scene_words.txt')) as file:
                scene_words = file.read().split()
        self.num_cues = num_cues
        self.name = f'nltk {nltk.__version__} {self.tagger}'
        # NLTK's own sentence splitter needs data that the rest does not
        self._sentences = nltk.tokenize.RegexpTokenizer(
            r'(?<=[.!?])["\')\]”’]*\s+|\n+', gaps=True)
        self._words = nltk.tokenize.NLTKWordTokenizer()
        self._scene_words = set(map(normalize_phrase, scene_words))

    @functools.cached_property
    def _tag(self):
        import nltk
        try:
            return nltk.tag.perceptron.PerceptronTagger().tag
        except (LookupError, OSError, ValueError) as error:
            raise ModelUnavailableError(
                f'NLTK finds no data of its tagger "{self.tagger}", or cannot '
                'read it. Download it by `python -m nltk.downloader '
                f'{self.tagger}`, or name the folder nltk_data in the '
                'environment variable NLTK_DATA.') from error

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the tagger."""
        self._tag

    def _nouns(self, caption: str) -> List[str]:
        """All nouns of a caption, each once, in its order."""
        found = {}
        for sentence in self._sentences.tokenize(caption):
            tagged = self._tag(self._words.tokenize(sentence))
            for is_noun, run in itertools.groupby(
                    tagged, lambda pair: pair[1].startswith('NN')):
                # letters, between them also hyphens and apostrophes
                words = [
                    re.fullmatch(r"[^\W\d_](?:[\w'’-]*[^\W_])?",
                                 word.strip("'’-")) for word, _ in run
                ]
                if not is_noun or None in words:
                    continue
                noun = cue_name(words[-1].group())
                if noun not in self._scene_words:
                    found[noun] = 1
        return list(found)

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """All nouns are the text; a caption without any is no failure."""
        return [
            Reasoning(tuple(nouns[:self.num_cues]), ', '.join(nouns))
            for nouns in map(self._nouns, captions)
        ]
