# Copyright (c) mmteso contributors. All rights reserved.
"""Reports as JSON that every parser reads."""
import json
import math
import os.path as osp
from typing import Any, Mapping

import numpy as np
from mmengine.utils import mkdir_or_exist


def plain(value: Any) -> Any:
    """Turn a nested report into what strict JSON can hold.

    Args:
        value (Any): Mappings, lists, tuples, numbers (NumPy's too), strings,
            None; not modified.

    Returns:
        Any: dicts with string keys, lists and Python's own types; numbers
        that are not finite become None, since JSON has no NaN (Python's
        encoder writes one nevertheless, which others refuse).
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(report: Mapping[str, Any], path: str) -> None:
    """Write a report as strict JSON; see :func:`plain`.

    Args:
        report (Mapping): The report.
        path (str): The file; its folder is made if needed.
    """
    mkdir_or_exist(osp.dirname(osp.abspath(path)))
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(plain(report), file, indent=2, allow_nan=False)
        file.write('\n')
