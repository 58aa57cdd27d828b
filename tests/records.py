# Copyright (c) mmteso contributors. All rights reserved.
"""Reads the metafiles, the one place of the paper's and measured numbers."""
import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from mmteso.io import parse_yaml

ROOT = Path(__file__).parents[1]
PAPER = 'Paper '


def read_yaml(path) -> dict:
    return parse_yaml((ROOT / path).read_bytes())


def metafiles() -> Dict[str, dict]:
    """Contents by path, in the order of model-index.yml."""
    return {path: read_yaml(path) for path in
            read_yaml('model-index.yml')['Import']}


def models() -> Iterator[dict]:
    for content in metafiles().values():
        yield from content['Models']


def results(model: dict) -> List[Tuple[str, dict]]:
    """(data set and what else was varied, metrics by name)."""
    return [(result['Dataset'], result['Metrics'])
            for result in model.get('Results', ())]


def others() -> Dict[str, Dict[str, dict]]:
    """What the paper prints of other methods: metrics by name and data."""
    return metafiles()['configs/teso/metafile.yml']['Others In The Paper']


def as_printed(metrics: dict, prefix: str = '') -> str:
    """'66.02 / .801', 'mIoU / F' as the paper prints them; '' if unknown."""
    found = []
    if f'{prefix}mIoU' in metrics:
        found.append(f'{metrics[f"{prefix}mIoU"]:.2f}')
    if f'{prefix}F' in metrics:
        found.append(f'{metrics[f"{prefix}F"]:.3f}'.lstrip('0'))
    return ' / '.join(found)


def table_row(model: dict) -> str:
    """The model's line in the table of configs/teso/README.md."""
    data = model['Metadata']['Training Data']
    metrics = {}
    for where, numbers in results(model):
        if where == data:
            metrics.update(numbers)
    *_, audio = model['Metadata']['Architecture']
    path = model['Config'][len('configs/'):]
    cells = [
        f'[`{path}`](../{path})', audio, data,
        as_printed(metrics, PAPER),
        as_printed(metrics)
    ]
    return re.sub(' +', ' ', f'| {" | ".join(cells)} |')


def all_numbers() -> List[dict]:
    """The metrics of every result, of others too."""
    found = [numbers for model in models()
             for _, numbers in results(model)]
    found += [numbers for rows in others().values()
              for numbers in rows.values()]
    return found
