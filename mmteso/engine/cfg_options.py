# Copyright (c) mmteso contributors. All rights reserved.
"""``--cfg-options`` of our tools."""
import difflib
import inspect
import logging
from argparse import ArgumentParser, Namespace
from typing import Any, Iterator, Mapping, Optional, Sequence, Set

from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.runner import Runner

# What the runner reads of its config without naming it as an argument, and
# what tools read.
_READ = {
    'activation_checkpointing', 'compile', 'custom_imports',
    'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg',
    'resource_limit', 'runner_type', 'sync_bn', 'tta_model', 'tta_pipeline'
}
_SHOWN = 4


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


def add_data_root(parser: ArgumentParser) -> None:
    """Add ``--data-root`` to a tool's options, for :func:`set_data_root`.

    Args:
        parser (ArgumentParser): The tool's parser.
    """
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='folder of the data, of all data sets in the config, with the '
        "cue file and cue bank; default: the config's")


def set_data_root(cfg: Config, data_root: Optional[str]) -> None:
    """Say where the data of all data sets of a config lies.

    Those inside of wrappers, too. What is relative to it (metadata, cue file,
    cue bank) is looked for there.

    Args:
        cfg (Config): Modified in place.
        data_root (str, optional): The folder; None leaves all as it is.
    """
    if data_root is None:
        return
    waiting = [cfg]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif isinstance(value, (dict, Config)):
            if isinstance(value.get('data_root'), str):
                value['data_root'] = data_root
            waiting.extend(value[key] for key in value)


def merge_cfg_options(cfg: Config, options: Optional[Mapping[str,
                                                             Any]]) -> None:
    """Override settings of a runner's config, as ``--cfg-options`` says.

    mmengine takes any key. A name at the top that neither runner nor tools
    read changes nothing, so a warning tells: it is misspelt, or a variable of
    the config's files such as ``dataset``, whose value is in the data loaders
    by now. (Below the top the constructors complain, and of an index beyond a
    list mmengine does.)

    Args:
        cfg (Config): Modified in place.
        options (dict, optional): Values by path, 'model.backbone.depth'.

    Raises:
        KeyError: If an index is beyond its list.
    """
    if not options:
        return
    known = _READ | set(inspect.signature(Runner.__init__).parameters)
    for name in dict.fromkeys(key.split('.')[0] for key in options):
        if name not in known:
            print_log(
                f'--cfg-options: nothing reads {name!r}' +
                _advice(cfg, name, known),
                logger='current',
                level=logging.WARNING)
    cfg.merge_from_dict(dict(options))


def _advice(cfg: Config, name: str, known: Set[str]) -> str:
    if name not in cfg:
        close = difflib.get_close_matches(name, known, 1)
        return f'. Did you mean {close[0]!r}?' if close else '.'
    read = {key: cfg[key] for key in sorted(cfg) if key in known}
    places = list(_places(read, name, cfg[name]))
    if not places:
        return ', a variable of the config\'s files.'
    more = f' and {len(places) - _SHOWN} more' * (len(places) > _SHOWN)
    return (', a variable of the config\'s files. Its value is used in ' +
            ', '.join(places[:_SHOWN]) + f'{more}: override it there.')


def _places(value: Any, name: str, wanted: Any, path: str = '',
            key: str = '') -> Iterator[str]:
    """Paths of what a variable became: of the same name, or a whole list."""
    if value == wanted and (key == name or isinstance(wanted, (dict, list))):
        yield path
        return
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for inner, item in items:
        yield from _places(item, name, wanted,
                           f'{path}.{inner}' if path else str(inner),
                           str(inner))
