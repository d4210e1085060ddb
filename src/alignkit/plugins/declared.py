"""Options of a plugin's function, read from its source: importing it may take seconds."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from alignkit.plugins.options import Option

_TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


def declared_options(target: str) -> dict[str, Option] | None:
    """Return what ``options_of`` returns for a function, without importing its module.

    Parameters
    ----------
    target : str
        ``module:function``.

    Returns
    -------
    dict of str to Option, or None
        None for anything but a plain function whose options are numbers, texts or flags; and
        where the module is imported already, so that there is nothing to be saved.
    """
    module, _, name = target.partition(":")
    if module in sys.modules:
        return None
    function = _functions(module).get(name)
    options = None if function is None else _options(function)
    return None if options is None else dict(options)


@cache
def _functions(module: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a module, without those that something else may replace."""
    try:
        spec = importlib.util.find_spec(module)
        source = getattr(spec and spec.loader, "get_source", lambda _: None)(module)
        tree = ast.parse(source or "")
    except (ImportError, SyntaxError, ValueError, OSError):
        return {}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    bound = [name for node in tree.body for name in _bound(node)]
    return {
        function.name: function
        for function in functions
        if bound.count(function.name) == 1 and not function.decorator_list
    }


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds, or whose attributes it sets."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.alias):
            yield (part.asname or part.name).partition(".")[0]
        elif isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
            yield part.id
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield from (each.id for each in ast.walk(part) if isinstance(each, ast.Name))
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield part.name


@cache
def _options(function: ast.FunctionDef) -> dict[str, Option] | None:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    options = {}
    first = len(positional) - len(arguments.defaults)
    given = [
        *zip(positional[first:], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in given:
        if default is None:
            continue
        option = _option(argument, default)
        if option is None:
            return None
        options[argument.arg] = option
    return options


def _option(argument: ast.arg, written: ast.expr) -> Option | None:
    """Return an option; None where its type or its default is not plain to see."""
    arms = list(_arms(argument.annotation))
    kinds = {_TYPES[arm] for arm in arms if arm in _TYPES}
    try:
        default: Any = ast.literal_eval(written)
    except ValueError:
        return None
    plain = default is None or type(default) in _TYPES.values()
    if not plain or len(kinds) != 1 or not set(arms) <= {*_TYPES, "None"}:
        return None
    return Option(argument.arg, kinds.pop(), default, default is None or "None" in arms)


def _arms(annotation: ast.expr | None) -> Iterator[str]:
    """Yield the types of ``int | None``; nothing that is known, for anything else."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _arms(left)
            yield from _arms(right)
        case ast.Name(id=name):
            yield name
        case ast.Constant(value=None):
            yield "None"
        case _:
            yield ""
