# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property
from typing import Optional, Sequence

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io import Provenance
from mmteso.optional import require
from .base_text_encoder import TEMPLATE, BaseTextEncoder
from .imagebind_tokenizer import imagebind_tokenizer
from .imagebind_weights import (LOGIT_SCALE, ImageBindWeightsError,
                                convert_imagebind_text, default_num_heads,
                                read_imagebind_weights)

BACKENDS = ('transformers', 'imagebind')

# Where ImageBind clips its learned factor.
_MAX_LOGIT_SCALE = 100.


@MODELS.register_module()
class ImageBindText(BaseTextEncoder):
    """ImageBind's text tower, frozen: the text features of TeSO (paper 4.1).

    The tower is OpenCLIP's ViT-H/14 text model: 24 blocks of width 1024,
    causal attention over 77 tokens, read at the end token, projected to 1024
    dimensions, scaled to length 1. Sizes are read off the weights.

    It has 354 million parameters, too many for a data loader's workers:
    ``tools/extract_text_features.py`` encodes each phrase once and
    :class:`CueBank` looks them up.

    Args:
        weights (str): ``imagebind_huge.pth``, of which only the text tower
            is read, or what tools/model_converters/imagebind_text_to_clip.py
            made of it (1.4 GB). Nothing is downloaded.
        template (str): The sentence, with ``{cue}`` in the cue's place.
            Defaults to 'This is a {cue}.' [paper].
        scaled (bool): Whether to multiply with the learned factor (at most
            100), as ImageBind returns the features [release]; otherwise they
            have length 1. Defaults to True.
        backend (str): 'transformers'; or 'imagebind', the package of that
            name where it can be imported, with the original weights. Both
            give the same numbers up to rounding.
            Defaults to 'transformers'.
        num_heads (int, optional): Attention heads, which the weights don't
            tell. Defaults to None: what a converted file says, otherwise one
            for 64 channels, as in ``imagebind_huge``.
        name (str): Name of the weights in a cue bank's provenance.
            Defaults to 'imagebind_huge'.

    Raises:
        FileNotFoundError: If the weights are not there.
        ImageBindWeightsError: If the file holds something else.
        ImportError: If the backend's package is not installed.
    """

    def __init__(self,
                 weights: str,
                 template: str = TEMPLATE,
                 scaled: bool = True,
                 backend: str = 'transformers',
                 num_heads: Optional[int] = None,
                 name: str = 'imagebind_huge') -> None:
        super().__init__(template)
        if backend not in BACKENDS:
            raise ValueError(
                f'backend must be one of {BACKENDS}, but got {backend!r}.')
        self.weights = weights
        self.scaled = scaled
        self.backend = backend
        self.name = name
        self._file = read_imagebind_weights(weights)
        state_dict = self._file.state_dict
        if backend == 'imagebind':
            if self._file.converted:
                raise ImageBindWeightsError(
                    f'backend="imagebind" needs the original weights, but '
                    f'"{weights}" was converted for transformers.')
            build = _build_imagebind
        else:
            if not self._file.converted:
                state_dict = convert_imagebind_text(state_dict)
            build = _build_transformers
        self.num_heads = (
            num_heads or self._file.num_heads or default_num_heads(state_dict))
        # the tensors may be mapped from the file, which they would keep open
        self._file = self._file._replace(state_dict={})
        try:
            self.model, self.tokenizer = build(state_dict, self.num_heads)
        except RuntimeError as error:
            raise ImageBindWeightsError(
                f'"{weights}": the weights do not fit together: {error}'
            ) from error
        if backend == 'transformers':
            self.register_buffer(LOGIT_SCALE, state_dict[LOGIT_SCALE])
            self.embed_dims = self.model.config.projection_dim
        else:
            self.embed_dims = self.model.modality_heads.text.proj[1].\
                out_features
        self.freeze()

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Encode whole sentences.

        Args:
            sentences (Sequence[str]): n sentences. One of more than 75
                tokens is cut.

        Returns:
            Tensor: float32, (n, D), on the model's device.
        """
        tokens = self.tokenizer(sentences)
        device = next(self.model.parameters()).device
        if self.backend == 'imagebind':
            features = self.model({'text': tokens.to(device)})['text']
            return features if self.scaled else F.normalize(features, dim=-1)
        # Attention is causal: what follows the end token is not seen by it.
        longest = int((tokens == self.tokenizer.end_token).int().argmax(
            dim=1).max()) + 1
        features = self.model(tokens[:, :longest].to(device)).text_embeds
        features = F.normalize(features, dim=-1)
        if self.scaled:
            scale = self.log_logit_scale.exp().clamp(max=_MAX_LOGIT_SCALE)
            features = scale * features
        return features

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of ImageBind's own weights file, read when first asked."""
        return self._file.sha256()

    def provenance(self) -> Provenance:
        """What a cue bank of this encoder says about its origin.

        The backend and a conversion of the weights don't change the numbers
        and are not part of it.

        Returns:
            Provenance: Of the kind 'cue_bank'.
        """
        return Provenance(
            'cue_bank', self.name, self.weights_hash, self.embed_dims,
            dict(
                scaled=self.scaled,
                template=self.template,
                num_heads=self.num_heads,
                phrases='normalized',
                tokenizer='clip_bpe_16e6'))

    def extra_repr(self) -> str:
        return (f'weights={self.weights!r}, template={self.template!r}, '
                f'scaled={self.scaled}, backend={self.backend!r}')


def _build_transformers(state_dict: dict, num_heads: int):
    """The text tower as a model of transformers, and its tokenizer."""
    init_empty_weights = require('accelerate', 'text').init_empty_weights
    transformers = require('transformers', 'text')
    state_dict = dict(state_dict)
    del state_dict[LOGIT_SCALE]
    embeddings = 'text_model.embeddings.'
    tokens = state_dict[f'{embeddings}token_embedding.weight']
    positions = state_dict[f'{embeddings}position_embedding.weight']
    layers = {
        key.split('.')[3]
        for key in state_dict if key.startswith('text_model.encoder.layers.')
    }
    width = tokens.shape[1]
    tokenizer = imagebind_tokenizer(len(positions))
    _check_vocabulary(tokens, tokenizer)
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=width,
        intermediate_size=len(
            state_dict['text_model.encoder.layers.0.mlp.fc1.weight']),
        projection_dim=len(state_dict['text_projection.weight']),
        num_hidden_layers=len(layers),
        num_attention_heads=num_heads,
        max_position_embeddings=len(positions),
        hidden_act='gelu',
        layer_norm_eps=1e-6,
        attention_dropout=0.,
        pad_token_id=0,
        bos_token_id=tokenizer.start_token,
        # pooled at its first occurrence; the highest token, so that is where
        # ImageBind's argmax leads too
        eos_token_id=tokenizer.end_token)
    # spares drawing random weights
    with init_empty_weights(include_buffers=False):
        model = transformers.CLIPTextModelWithProjection(config)
    model.load_state_dict(state_dict, assign=True)
    return model, tokenizer


def _build_imagebind(state_dict: dict, num_heads: int):
    """The text tower as a model of ImageBind's package, and its tokenizer."""
    try:
        from imagebind.models.imagebind_model import ImageBindModel
    except ImportError as error:
        raise ImportError(
            'backend="imagebind" needs the package imagebind of '
            'https://github.com/facebookresearch/ImageBind and all that it '
            f'imports ({error}); backend="transformers" gives the same '
            'numbers without it.') from error
    tokens = state_dict['modality_preprocessors.text.token_embedding.weight']
    positions = state_dict['modality_preprocessors.text.pos_embed']
    width = tokens.shape[1]
    tokenizer = imagebind_tokenizer(positions.shape[1])
    _check_vocabulary(tokens, tokenizer)
    blocks = {
        key.split('.')[3]
        for key in state_dict if key.startswith('modality_trunks.text.blocks.')
    }
    others = {
        f'{modality}_{size}': value
        for modality in ('vision', 'audio', 'depth', 'thermal', 'imu')
        for size, value in dict(embed_dim=1, num_blocks=0, num_heads=1).items()
    }
    # The package has no text tower by itself: the other towers are made as
    # small as can be, and dropped.
    model = ImageBindModel(
        out_embed_dim=len(state_dict['modality_heads.text.proj.1.weight']),
        text_embed_dim=width,
        text_num_blocks=len(blocks),
        text_num_heads=num_heads,
        **others)
    for part in model.children():
        for modality in set(part) - {'text'}:
            del part[modality]
    model.load_state_dict(state_dict)
    return model, tokenizer


def _check_vocabulary(tokens: Tensor, tokenizer: nn.Module) -> None:
    if len(tokens) != tokenizer.vocab_size:
        raise ImageBindWeightsError(
            f'the weights embed {len(tokens)} tokens, but the vocabulary has '
            f'{tokenizer.vocab_size}.')
