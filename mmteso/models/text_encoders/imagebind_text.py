# Copyright (c) mmteso contributors. All rights reserved.
import os
import re
from functools import cached_property
from typing import Dict, Optional, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import tokenize
from torch import Tensor, nn

from mmteso.io import Provenance, file_sha256, read_state_dict
from .base_text_encoder import TEMPLATE, BaseTextEncoder

WEIGHTS_URL = 'https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth'
# the text tower's names in ImageBind's file; what follows is the name here
_TEXT = re.compile(r'modality_(?:preprocessors|trunks|heads|'
                   r'postprocessors)\.text\.(?:1\.(?=log))?(.+)')
# the same of a layer, where PyTorch calls it otherwise
_LAYER = {'norm_': 'norm', 'attn.': 'self_attn.', 'mlp.fc': 'linear'}
_VOCABULARY = 49408  # of CLIP's byte-pair encoder, which mmseg ships
_HEAD_DIMS = 64  # channels of an attention head of imagebind_huge
_MAX_LOGIT_SCALE = 100.  # where ImageBind clips its learned factor


class ImageBindWeightsError(ValueError):
    """A weights file that isn't ImageBind's, or isn't whole."""


@MODELS.register_module()
class ImageBindText(BaseTextEncoder):
    """ImageBind's text tower, frozen: the text features of TeSO (paper 4.1).

    The tower is OpenCLIP's ViT-H/14 text model: 24 blocks of width 1024,
    causal attention over 77 tokens, read at the end token, projected to 1024
    dimensions, scaled to length 1. Sizes are read off the weights. It needs
    neither ImageBind's package nor transformers.

    It has 354 million parameters: ``tools/extract_text_features.py`` encodes
    each phrase once, for a cue bank.

    Args:
        weights (str): ``imagebind_huge.pth``, of which only the text tower
            is brought into memory. Nothing is downloaded or executed.
        template (str): The sentence, with ``{cue}`` in the cue's place.
            Defaults to 'This is a {cue}.' [paper].
        scaled (bool): Whether to multiply with the learned factor (at most
            100), as ImageBind returns the features [release]; otherwise they
            have length 1. Defaults to True.
        num_heads (int, optional): Attention heads, which the weights don't
            tell. Defaults to None: one for 64 channels, as in
            ``imagebind_huge``.
        name (str): Name of the weights in a cue bank's provenance.
            Defaults to 'imagebind_huge'.

    Raises:
        FileNotFoundError: If the weights are not there.
        ImageBindWeightsError: If the file holds something else.
    """

    def __init__(self,
                 weights: str,
                 template: str = TEMPLATE,
                 scaled: bool = True,
                 num_heads: Optional[int] = None,
                 name: str = 'imagebind_huge') -> None:
        super().__init__(template)
        if not os.path.isfile(weights):
            raise FileNotFoundError(
                f'ImageBind\'s weights are not at "{weights}". Download '
                f'imagebind_huge.pth (4.8 GB; CC BY-NC-SA 4.0, '
                f'non-commercial) from {WEIGHTS_URL} and put it there.')
        self.weights = weights
        self.scaled = scaled
        self.name = name
        state_dict = {}
        for key, value in read_state_dict(weights,
                                          ImageBindWeightsError).items():
            match = _TEXT.fullmatch(key)
            if match:
                name = match.group(1)
                for theirs, ours in _LAYER.items():
                    name = name.replace(theirs, ours)
                # a copy, since the tensors are mapped from the file
                state_dict[name] = value.to(torch.float32, copy=True)
        try:
            self.model = _TextTower(state_dict, num_heads)
        except (KeyError, RuntimeError) as error:
            raise ImageBindWeightsError(
                f'"{weights}" does not hold the weights of ImageBind\'s text '
                f'tower, or they do not fit together: {error}') from error
        self.embed_dims = self.model.proj[1].out_features
        self.freeze()

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """n whole sentences -> float32 (n, D), on the model's device.

        A sentence of more than 75 tokens is cut.
        """
        tokens = tokenize(list(sentences), self.model.pos_embed.shape[1])
        features = F.normalize(
            self.model(tokens.to(self.model.pos_embed.device)), dim=-1)
        if self.scaled:
            features = features * self.model.log_logit_scale.exp().clamp(
                max=_MAX_LOGIT_SCALE)
        return features

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the weights' file, read when first asked."""
        return file_sha256(self.weights)

    def provenance(self) -> Provenance:
        """What a cue bank of this encoder says about its origin."""
        return Provenance(
            'cue_bank', self.name, self.weights_hash, self.embed_dims,
            dict(
                scaled=self.scaled,
                template=self.template,
                num_heads=self.model.num_heads,
                phrases='normalized',
                tokenizer='clip_bpe_16e6'))


class _TextTower(nn.Module):
    """From tokens to the projected features, (n, 77) -> (n, D)."""

    def __init__(self, weights: Dict[str, Tensor],
                 num_heads: Optional[int]) -> None:
        super().__init__()
        number, width = weights['token_embedding.weight'].shape
        if number != _VOCABULARY:
            raise RuntimeError(f'they embed {number} tokens, expected '
                               f'{_VOCABULARY}')
        self.num_heads = num_heads or max(1, width // _HEAD_DIMS)
        context = weights['pos_embed'].shape[1]
        hidden = len(weights['blocks.0.linear1.weight'])
        depth = len({k.split('.')[1] for k in weights if k[:7] == 'blocks.'})
        dims = len(weights['proj.1.weight'])
        with torch.device('meta'):  # spares drawing random weights
            self.token_embedding = nn.Embedding(number, width)
            self.pos_embed = nn.Parameter(torch.empty(1, context, width))
            self.register_buffer('mask', torch.empty(context, context))
            self.blocks = nn.ModuleList(
                nn.TransformerEncoderLayer(
                    width,
                    self.num_heads,
                    hidden,
                    dropout=0.,
                    activation='gelu',
                    layer_norm_eps=1e-6,
                    batch_first=True,
                    norm_first=True) for _ in range(depth))
            self.proj = nn.Sequential(
                nn.LayerNorm(width, eps=1e-6),
                nn.Linear(width, dims, bias=False))
            self.log_logit_scale = nn.Parameter(torch.empty(()))
        self.load_state_dict(weights, assign=True)

    def forward(self, tokens: Tensor) -> Tensor:
        end = tokens.argmax(dim=1)  # the end token is the highest
        # attention is causal: what follows the end is not seen by it
        tokens = tokens[:, :int(end.max()) + 1]
        length = tokens.shape[1]
        x = self.token_embedding(tokens) + self.pos_embed[:, :length]
        for block in self.blocks:
            x = block(x, self.mask[:length, :length])
        return self.proj(x[torch.arange(len(x), device=x.device), end])
