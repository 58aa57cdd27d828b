# Copyright (c) mmteso contributors. All rights reserved.
"""Reads the config that a checkpoint holds as Python text."""
import ast
import sys
from typing import Any, Dict

# what a text of literals and dict(...) consists of
_PLAIN = (ast.Module, ast.Assign, ast.Name, ast.expr_context, ast.Constant,
          ast.List, ast.Tuple, ast.Dict, ast.Call, ast.keyword, ast.UnaryOp,
          ast.unaryop)


def parse_config_text(text: str) -> Dict[str, Any]:
    """Read the text of a config (``Config.pretty_text``, a checkpoint's
    ``meta['cfg']``), executing nothing.

    That text is a program, and a checkpoint may come from anybody: only
    assignments of literals and of ``dict(...)`` are understood here. Gives the
    values by name. Tuples are lists, as JSON has them. What is neither a
    literal nor a dict (a class, ``inf``) is its own text. A ValueError if it
    is no Python.
    """
    try:
        return {
            statement.targets[0].id: _value(statement.value)
            for statement in ast.parse(text).body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f'no text of a config: {error}') from error


def runs_nothing(text: str) -> bool:
    """Whether mmengine's ``Config.fromstring``, which runs such a text, would
    only read it: no other code, no further files, no import of what isn't
    there, no variables of the environment."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
        values = parse_config_text(text)
        modules = values.get('custom_imports', {}).get('imports', [])
        modules = [modules] if isinstance(modules, str) else modules
        there = all(module in sys.modules for module in modules)
    except (SyntaxError, ValueError, AttributeError, TypeError,
            RecursionError, MemoryError):
        return False
    read = {
        node.id for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return (there and all(isinstance(node, _PLAIN) for node in nodes)
            and read <= {'dict', 'inf', 'nan'} and '_base_' not in values
            and '{{' not in text)


def _value(node: Any) -> Any:
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict) and None not in node.keys:
        return dict(zip(map(_value, node.keys), map(_value, node.values)))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict':
        # a dict with keys that are no identifiers is written dict({...})
        items: Dict[Any, Any] = {}
        for part in node.args:
            items.update(_value(part))
        items.update((word.arg, _value(word.value)) for word in node.keywords)
        return items
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)
