#!/usr/bin/env bash
# The same samples written twice as Ogg are two files: soundfile 0.14.0
# (libsndfile 1.2.2). A fingerprint of a data set's or a cache's sounds by their
# bytes never fits again.
#
# Input: one second of a tone at 16 kHz, written twice in each format.
# Expected: the same bytes, as FLAC, WAV and MP3 give.
# Seen: Ogg Vorbis and Ogg Opus differ in the serial number of their stream and
#   in the check sums that cover it, eight bytes a page. RFC 3533 wants a number
#   that is unique in a physical stream; libsndfile draws it by chance, and
#   soundfile has no way to give it. What is decoded is the same.
#
# Output (Python 3.11):
#   OGG VORBIS: same bytes False, bytes 14-17 and 22-25 of a page, same samples True
#   OGG OPUS: same bytes False, bytes 14-17 and 22-25 of a page, same samples True
#   FLAC PCM_16: same bytes True, same samples True
#   WAV PCM_16: same bytes True, same samples True
#   MP3 MPEG_LAYER_III: same bytes True, same samples True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet soundfile==0.14.0 numpy==2.2.6

cat > "$folder/twice.py" <<'PYTHON'
import io
import re

import numpy as np
import soundfile

tone = 0.5 * np.sin(np.arange(16000) / 20)
for format, subtype in (('OGG', 'VORBIS'), ('OGG', 'OPUS'),
                        ('FLAC', 'PCM_16'), ('WAV', 'PCM_16'),
                        ('MP3', 'MPEG_LAYER_III')):
    files = [io.BytesIO() for _ in range(2)]
    for file in files:
        soundfile.write(file, tone, 16000, format=format, subtype=subtype)
    first, second = (file.getvalue() for file in files)
    where = ''
    if first != second:
        pages = [page.start() for page in re.finditer(b'OggS', first)]
        of_page = {
            at - max(page for page in pages if page <= at)
            for at in range(len(first)) if first[at] != second[at]
        }
        assert of_page <= {*range(14, 18), *range(22, 26)}, of_page
        where = ', bytes 14-17 and 22-25 of a page'
    for file in files:
        file.seek(0)
    samples = [soundfile.read(file)[0] for file in files]
    print(f'{format} {subtype}: same bytes {first == second}{where}, '
          f'same samples {np.array_equal(*samples)}')
PYTHON

"$folder/venv/bin/python" "$folder/twice.py" | tee "$folder/seen"
diff "$folder/seen" - <<'TEXT'
OGG VORBIS: same bytes False, bytes 14-17 and 22-25 of a page, same samples True
OGG OPUS: same bytes False, bytes 14-17 and 22-25 of a page, same samples True
FLAC PCM_16: same bytes True, same samples True
WAV PCM_16: same bytes True, same samples True
MP3 MPEG_LAYER_III: same bytes True, same samples True
TEXT
