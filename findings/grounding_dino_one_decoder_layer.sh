#!/usr/bin/env bash
# transformers 5.23.0 can't build a Grounding DINO whose decoder has one layer.
#
# Input: GroundingDinoConfig(decoder_layers=N), otherwise tiny: N = 2 and N = 1.
#   The configuration takes any number, and a decoder of one layer is what one
#   makes for a small test, or for a fast model.
# Expected: both models; with one layer there is nothing to tie.
# Seen: N = 1 raises a ValueError about `tie_weights_keys`: by default
#   (decoder_bbox_embed_share) the box heads of all layers after the first are
#   tied to the first one's, and a pattern without a match counts as a mistake of
#   the model's author. With decoder_bbox_embed_share=False it is built.
#
# Output (Python 3.11, torch 2.13.0):
#   2 layers: built
#   1 layers: ValueError about tie_weights_keys
#   1 layers, not shared: built
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet \
    transformers==5.23.0 torch==2.13.0 numpy==2.2.6

cat > "$folder/build.py" <<'PYTHON'
from transformers import (BertConfig, GroundingDinoConfig,
                          GroundingDinoForObjectDetection, SwinConfig)


def build(layers, **settings):
    GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            d_model=32, encoder_layers=1, decoder_layers=layers,
            encoder_ffn_dim=32, decoder_ffn_dim=32,
            encoder_attention_heads=2, decoder_attention_heads=2,
            backbone_config=SwinConfig(
                embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4,
                out_features=['stage2', 'stage3', 'stage4']),
            text_config=BertConfig(
                hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                intermediate_size=32, vocab_size=50),
            **settings))


for name, layers, settings in (
    ('2 layers', 2, {}), ('1 layers', 1, {}),
    ('1 layers, not shared', 1, dict(decoder_bbox_embed_share=False))):
    try:
        build(layers, **settings)
        print(f'{name}: built')
    except ValueError as error:
        about = 'tie_weights_keys' if 'tie_weights_keys' in str(error) else \
            error
        print(f'{name}: ValueError about {about}')
PYTHON

"$folder/venv/bin/python" "$folder/build.py" 2> /dev/null \
    | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
2 layers: built
1 layers: ValueError about tie_weights_keys
1 layers, not shared: built
TEXT
