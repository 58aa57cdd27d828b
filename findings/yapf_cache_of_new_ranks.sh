#!/usr/bin/env bash
# Ranks that start together on a new machine can die of mmengine's log of the
# config: yapf 0.43.0 with onedl-mmengine 0.10.12 (and mmengine 0.10.7).
#
# Every rank's runner writes `cfg.pretty_text`, for which mmengine imports yapf,
# which makes a cache of its grammars in the user's cache folder the first time.
# Input: the text of a small config, with an empty cache folder.
# Expected: a cache file has all its bytes when it gets its name, so that another
#   rank reads the whole file or makes its own.
# Seen: the small one of two files is renamed while its bytes are still in
#   Python's buffer. A rank that reads it then ends with `EOFError: Ran out of input`, and with it
#   the training. Import yapf once before the launcher does.
#
# Output (Python 3.11, torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index of
# torch's CPU wheels):
#   onedl-mmengine 0.10.12, yapf 0.43.0
#   Grammar: complete when renamed: True, afterwards: True
#   PatternGrammar: complete when renamed: False, afterwards: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/watch.py" <<'PYTHON'
import os
import pickle
import sys
from importlib.metadata import version

from mmengine.config import Config


def complete(path):
    try:
        with open(path, 'rb') as file:
            return bool(pickle.load(file))
    except (EOFError, pickle.UnpicklingError):
        return False


renamed = {}


def watch(event, args):
    if event == 'os.rename' and 'Grammar' in str(args[1]):
        renamed[args[1]] = complete(args[0])


sys.addaudithook(watch)
Config(dict(model=dict(type='EncoderDecoder'))).pretty_text
print(f'onedl-mmengine {version("onedl-mmengine")}, yapf {version("yapf")}')
for path, whole in sorted(renamed.items()):
    name = os.path.basename(path).split('-')[0]
    print(f'{name}: complete when renamed: {whole}, '
          f'afterwards: {complete(path)}')
PYTHON

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet torch==2.13.0 numpy==2.2.6 'setuptools<81' \
    'opencv-python<4.13' yapf==0.43.0 onedl-mmengine==0.10.12
XDG_CACHE_HOME="$folder/cache" "$python" "$folder/watch.py" 2> /dev/null |
    tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
onedl-mmengine 0.10.12, yapf 0.43.0
Grammar: complete when renamed: True, afterwards: True
PatternGrammar: complete when renamed: False, afterwards: True
TEXT
