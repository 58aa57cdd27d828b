#!/usr/bin/env bash
# xgrammar 0.2.9 admits control characters in a JSON string and refuses its
# escapes as soon as the schema bounds the string's length.
#
# Input: schemas of one string without and with `maxLength` or `minLength`, and
#   JSON texts that a model may write for them, token by token.
# Expected: what JSON (RFC 8259) says of a string whatever its length: raw
#   control characters are none, escapes such as \n, \" and \u0041 are allowed.
# Seen: so without bounds. With one of them a raw tab or U+0001 is accepted, so
#   that json.loads fails on an answer in the schema, and no escape is, so that
#   a name in quotation marks can't be written. A bound by `pattern` is safe.
#   xgrammar is vLLM's default engine.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   any string: refused "a<tab>b", refused "a<U+0001>b", accepted "a\nb", accepted "a\"b", accepted "a\u0041b"
#   maxLength=9: accepted "a<tab>b", accepted "a<U+0001>b", refused "a\nb", refused "a\"b", refused "a\u0041b"
#   minLength=1: accepted "a<tab>b", accepted "a<U+0001>b", refused "a\nb", refused "a\"b", refused "a\u0041b"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/test.py" <<'PYTHON'
import json

import xgrammar

tokens = [chr(code) for code in range(128)] + ['</s>']
compiler = xgrammar.GrammarCompiler(
    xgrammar.TokenizerInfo(tokens, stop_token_ids=[128]))
texts = ['"a\tb"', '"a\1b"', r'"a\nb"', r'"a\"b"', r'"a\u0041b"']
for bound in ({}, dict(maxLength=9), dict(minLength=1)):
    schema = json.dumps(dict(type='string', **bound))
    grammar = compiler.compile_json_schema(schema)
    seen = []
    for text in texts:
        matcher = xgrammar.GrammarMatcher(grammar)
        accepted = all(map(matcher.accept_token, map(ord, text)))
        shown = text.replace('\t', '<tab>').replace('\1', '<U+0001>')
        seen.append(f'{"accepted" if accepted else "refused"} {shown}')
    name = ', '.join(f'{k}={v}' for k, v in bound.items()) or 'any string'
    print(f'{name}: {", ".join(seen)}')
PYTHON

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
# without triton, 1 GB, which is for GPUs
"$python" -m pip install --quiet torch==2.13.0 numpy==2.2.6 \
    transformers==5.23.0 pydantic apache-tvm-ffi==0.1.15.post2
"$python" -m pip install --quiet --no-deps xgrammar==0.2.9
"$python" "$folder/test.py" 2> /dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
any string: refused "a<tab>b", refused "a<U+0001>b", accepted "a\nb", accepted "a\"b", accepted "a\u0041b"
maxLength=9: accepted "a<tab>b", accepted "a<U+0001>b", refused "a\nb", refused "a\"b", refused "a\u0041b"
minLength=1: accepted "a<tab>b", accepted "a<U+0001>b", refused "a\nb", refused "a\"b", refused "a\u0041b"
TEXT
