# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Union

import yaml


class _StrictLoader(yaml.SafeLoader):
    """Plain data only, and no key twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            # of a key that is no scalar the value is a list of nodes
            name = repr(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key {name} occurs twice',
                    key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def parse_yaml(content: Union[str, bytes]) -> Any:
    """Read YAML that a user wrote.

    Unlike :func:`mmengine.fileio.load` it makes plain data only, whatever the
    file says, and a key that occurs twice in a mapping is an error, where
    usually the first value is lost without a word.

    Args:
        content (str | bytes): The text, UTF-8.

    Returns:
        Any: The data.

    Raises:
        ValueError: If it is no such YAML; the message says where.
    """
    try:
        return yaml.load(content, Loader=_StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(' '.join(str(error).split())) from error
