#!/usr/bin/env bash
# transformers 5.23.0: `transformers serve` answers a request with
# `response_format` as if it weren't there.
#
# Input: POST /v1/chat/completions with a JSON schema as response_format, as
#   OpenAI's protocol has it, to a random LLaMA in a folder.
# Expected: an answer in the schema, or an error. The source says the latter:
#   response_format stands in UNUSED_CHAT_COMPLETION_FIELDS, "Receiving these
#   raises an error to avoid silent misbehaviour."
# Seen: status 200 and free text. Only the server's own log says "Ignoring
#   unsupported fields in the request: {'response_format'}"; nothing in the
#   answer does, so a client has to check every answer against its schema.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   status 200, the answer is no JSON
#   server's log: Ignoring unsupported fields in the request: {'response_format'}
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet torch==2.13.0 numpy==2.2.6 accelerate==1.15.0 \
    'transformers[serving]==5.23.0'

cat > "$folder/model.py" <<'PYTHON'
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (LlamaConfig, LlamaForCausalLM,
                          PreTrainedTokenizerFast)

alphabet = ['</s>', *sorted(pre_tokenizers.ByteLevel.alphabet())]
letters = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
letters.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=letters, eos_token='</s>', pad_token='</s>')
tokenizer.chat_template = (
    '{% for message in messages %}{{ message["content"] }}{% endfor %}')
tokenizer.save_pretrained(sys.argv[1])
torch.manual_seed(0)
LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(alphabet),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        eos_token_id=0,
        pad_token_id=0)).save_pretrained(sys.argv[1])
PYTHON

cat > "$folder/ask.py" <<'PYTHON'
import json
import sys
import time
import urllib.request

address, model = sys.argv[1:]
schema = dict(
    type='object',
    properties=dict(names=dict(type='array', items=dict(type='string'))),
    required=['names'],
    additionalProperties=False)
request = urllib.request.Request(
    f'{address}/v1/chat/completions',
    json.dumps(
        dict(
            model=model,
            messages=[dict(role='user', content='Which animals bark?')],
            max_tokens=20,
            response_format=dict(
                type='json_schema',
                json_schema=dict(name='names', strict=True,
                                 schema=schema)))).encode(),
    {'Content-Type': 'application/json'})
for attempt in range(120):
    try:
        urllib.request.urlopen(f'{address}/v1/models').close()
        break
    except OSError:
        time.sleep(1)
with urllib.request.urlopen(request) as response:
    status = response.status
    text = json.load(response)['choices'][0]['message']['content']
try:
    json.loads(text)
    kind = 'JSON'
except ValueError:
    kind = 'no JSON'
print(f'status {status}, the answer is {kind}')
PYTHON

"$python" "$folder/model.py" "$folder/model" 2> /dev/null
port=$("$python" -c 'import socket
with socket.socket() as s:
    s.bind(("localhost", 0))
    print(s.getsockname()[1])')
HF_HUB_OFFLINE=1 "$folder/venv/bin/transformers" serve --port "$port" \
    --device cpu > "$folder/log" 2>&1 &
server=$!
"$python" "$folder/ask.py" "http://localhost:$port" "$folder/model" \
    > "$folder/seen"
grep -o 'Ignoring unsupported fields.*' "$folder/log" | head -n 1 \
    | sed "s/^/server's log: /" >> "$folder/seen"
cat "$folder/seen"
diff "$folder/seen" - <<'TEXT'
status 200, the answer is no JSON
server's log: Ignoring unsupported fields in the request: {'response_format'}
TEXT
