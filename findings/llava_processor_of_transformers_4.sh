#!/usr/bin/env bash
# transformers 5.23.0 counts the image tokens of a LLaVA processor that
# transformers 4.46.3 saved otherwise than 4.46.3 did.
#
# Input: LlavaProcessor.save_pretrained of 4.46.3 with an image of 336 x 336,
#   "set": with patch_size=14 and vision_feature_select_strategy='default', as
#          4.46.3 asks for in its log; CLIP's tower then has 576 features;
#   "plain": without these two, as in the checkpoints of that time.
# Expected of 5.23.0: 576 tokens for both (config.json of the model names patch
#   size and strategy), or an error of from_pretrained that names the missing
#   settings.
# Seen: 575 for "set": the class token, which 4.46.3 added by itself, became
#   the setting num_additional_image_tokens, and is 0 where a file lacks it; the
#   model then refuses the prompt. "plain" loads and ends in a TypeError at the
#   first image.
#
# Output (Python 3.11):
#   4.46.3 set: 576 tokens
#   4.46.3 plain: 1 tokens
#   5.23.0 set: 575 tokens
#   5.23.0 plain: TypeError: unsupported operand type(s) for //: 'int' and 'NoneType'
# (The model of 4.46.3 puts the features in the place of the one token itself.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for version in 4.46.3 5.23.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet \
        "transformers==$version" pillow==11.3.0 numpy==2.2.6
done

cat > "$folder/save.py" <<'PYTHON'
import sys

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (CLIPImageProcessor, LlavaProcessor,
                          PreTrainedTokenizerFast)

words = Tokenizer(
    models.WordLevel({'<unk>': 0, '<image>': 1, '</s>': 2}, '<unk>'))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words,
    unk_token='<unk>',
    eos_token='</s>',
    pad_token='</s>',
    additional_special_tokens=['<image>'])
image_processor = CLIPImageProcessor(
    size=dict(shortest_edge=336), crop_size=dict(height=336, width=336))
for name, settings in dict(
        set=dict(patch_size=14, vision_feature_select_strategy='default'),
        plain={}).items():
    LlavaProcessor(image_processor, tokenizer,
                   **settings).save_pretrained(f'{sys.argv[1]}/{name}')
PYTHON

cat > "$folder/count.py" <<'PYTHON'
import sys

import transformers
from PIL import Image

for name in ('set', 'plain'):
    processor = transformers.LlavaProcessor.from_pretrained(
        f'{sys.argv[1]}/{name}')
    try:
        inputs = processor(
            images=[Image.new('RGB', (400, 300))],
            text=['<image> What is this?'],
            return_tensors='np')
        found = f'{(inputs["input_ids"] == 1).sum()} tokens'
    except TypeError as error:
        found = f'TypeError: {error}'
    print(f'{transformers.__version__} {name}: {found}')
PYTHON

"$folder/4.46.3/bin/python" "$folder/save.py" "$folder/saved" 2> /dev/null
for version in 4.46.3 5.23.0; do
    "$folder/$version/bin/python" "$folder/count.py" "$folder/saved" \
        2> /dev/null
done | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
4.46.3 set: 576 tokens
4.46.3 plain: 1 tokens
5.23.0 set: 575 tokens
5.23.0 plain: TypeError: unsupported operand type(s) for //: 'int' and 'NoneType'
TEXT
