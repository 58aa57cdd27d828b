# Copyright (c) mmteso contributors. All rights reserved.
"""Answers of transformers' models that keep a JSON schema.

llguidance masks the tokens that would leave the schema. All of llguidance,
xgrammar and outlines-core keep it, but xgrammar needs triton (1 GB), which
only GPUs use, and outlines-core leaves it to its caller what text each token
of the tokenizer stands for; llguidance needs no other package.
"""
from typing import Any, Dict, List, Sequence, Union


def longest_answer(schema: Dict[str, Any]) -> int:
    """Most tokens of an answer of ``cue_schema``, its end included."""
    names, = schema['properties'].values()
    # {"sounding_objects":[]}, the end, and a name of 31 letters and ," " for
    # each; a token is a character at least
    return 24 + 34 * names['maxItems']


class JSONConstraint:
    """A logits processor for ``generate`` that makes answers keep a schema.

    Each text of a batch is constrained by itself, from its first new token to
    its end token; white space outside of strings isn't allowed. One object
    serves any number of ``generate`` calls, one after the other, greedy or
    sampling, but no beam search::

        constraint = JSONConstraint(tokenizer, schema, [2])
        model.generate(**inputs, logits_processor=[constraint])

    A ValueError if llguidance can't read the tokenizer, which has to be a fast
    one, or doesn't know a keyword of the schema.
    """

    def __init__(self, tokenizer: Any, schema: Dict[str, Any],
                 eos_token_id: Union[int, Sequence[int]]) -> None:
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer
        if isinstance(eos_token_id, int):
            eos_token_id = [eos_token_id]
        try:
            vocabulary = from_tokenizer(
                tokenizer, eos_token=list(eos_token_id))
        except ValueError as error:
            raise ValueError(
                'llguidance can\'t read the tokenizer of this model: '
                f'{error}. Take another model, or serve it and use '
                'OpenAIReasoner.') from None
        self._start = LLMatcher(
            vocabulary,
            LLMatcher.grammar_from_json_schema(
                schema, overrides=dict(whitespace_flexible=False)))
        if self._start.is_error():
            raise ValueError('llguidance can\'t keep this JSON schema: '
                             f'{self._start.get_error()}')
        self._matchers: List[Any] = []
        self._seen: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The logits of the next token, (B, V), -inf for tokens that leave the
        schema; ``input_ids``, (B, L), are the tokens so far."""
        import torch
        if self._seen is not None and torch.equal(input_ids[:, :-1],
                                                  self._seen):
            for matcher, token in zip(self._matchers,
                                      input_ids[:, -1].tolist()):
                # what follows the end is padding
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        else:  # the first token of a call
            self._matchers = [self._start.deep_copy() for _ in input_ids]
        self._seen = input_ids.clone()
        allowed = torch.zeros(scores.shape, dtype=torch.bool)
        for row, matcher in zip(allowed, self._matchers):
            mask = torch.frombuffer(
                bytearray(matcher.compute_logit_bias()), dtype=torch.uint8)
            # the model may have more tokens than the tokenizer, or fewer
            size = min(len(mask), len(row))
            row[:size] = mask[:size] > 0
        return scores.masked_fill(~allowed.to(scores.device), -float('inf'))
