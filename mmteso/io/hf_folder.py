# Copyright (c) mmteso contributors. All rights reserved.
"""Local folders with a model of transformers."""
import os
from contextlib import contextmanager
from typing import Iterator, Sequence

#: The files of which a folder with weights has one.
WEIGHT_FILES = ('model.safetensors', 'model.safetensors.index.json',
                'pytorch_model.bin', 'pytorch_model.bin.index.json')


def require_hf_files(folder: str, files: Sequence[str], who: str) -> None:
    """Raise FileNotFoundError unless a folder has one of these files of a
    model of transformers, which the class ``who`` needs.

    Without this a folder that isn't there would be taken for a name on the
    Hugging Face Hub.
    """
    if any(os.path.isfile(os.path.join(folder, name)) for name in files):
        return
    raise FileNotFoundError(
        f'{who} needs a local folder with a model of transformers, but there '
        f'is no {" or ".join(files)} in {folder!r}. Download the model where '
        f'there is a network: hf download NAME --local-dir {folder}')


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No table of the weights that aren't used, such as a classifier's."""
    from transformers.utils import logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
