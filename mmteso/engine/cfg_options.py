# Copyright (c) mmteso contributors. All rights reserved.
"""``--cfg-options`` of our tools."""
from argparse import ArgumentParser, Namespace
from typing import Optional, Sequence

from mmengine.config import DictAction


class SpacedDictAction(DictAction):
    """mmengine's ``DictAction``, except for single values with spaces.

    It drops all spaces, so that ``data_root="my data"`` looks for a folder
    'mydata'. Here they stay, where a value is no list or tuple; in these they
    are dropped as ever.
    """

    def __call__(self,
                 parser: ArgumentParser,
                 namespace: Namespace,
                 values: Sequence[str],
                 option_string: Optional[str] = None) -> None:
        """Parse ``key=value`` pairs and add them to the namespace's dict.

        Args:
            parser (ArgumentParser): Ends the program if a pair is none.
            namespace (Namespace): Gets the dict.
            values (Sequence[str]): The pairs.
            option_string (str, optional): Not used. Defaults to None.
        """
        lists, options = [], {}
        for pair in values:
            key, equals, value = pair.partition('=')
            if not (key and equals):
                parser.error(f'{self.option_strings[0]} takes key=value, but '
                             f'got {pair!r}')
            value = value.strip().strip('\'"')
            if ' ' in value and not any(sign in value for sign in ',[('):
                options[key] = value
            else:
                lists.append(pair)
        super().__call__(parser, namespace, lists, option_string)
        getattr(namespace, self.dest).update(options)


def add_cfg_options(parser: ArgumentParser, example: str = '') -> None:
    """Add mmengine's ``--cfg-options`` to a tool's options.

    Args:
        parser (ArgumentParser): The tool's parser.
        example (str): 'key=value' pairs for the help. Defaults to ''.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=SpacedDictAction,
        metavar='KEY=VALUE',
        help='override settings of the config'
        f'{example and ", e.g. "}{example}. A list is written key="[a,b]" or '
        'key=a,b; nested: key="[(a,b),(c,d)]", in quotation marks. Spaces '
        'are kept in a single value, and dropped in a list')
