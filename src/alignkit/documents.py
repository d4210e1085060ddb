"""JSON and TOML files of any origin: read within bounds, strictly, and checked for their form.

What these files hold was written by this program, by another version of it, or by anyone. So a
file must be a regular one of bounded size and depth, repeated keys and numbers that JSON does not
have are refused, and every error is one line that names the file.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn

from alignkit.errors import DataError, MissingError

LARGEST = 256 << 20  # bytes of a file; the ids of some millions of samples
LARGEST_SETTINGS = 4 << 20  # bytes of a file that people write
DEEPEST = 64  # levels of lists and objects within each other
MOST_DIGITS = 40  # of a whole number; 2 ** 64 has 20

# What a value must be: a type or several; a list of one form; an object with the forms of its
# keys, where a key that ends in "?" may be absent, and "*" stands for every other key. A pair of
# an object and `NoneType` may be null.
Form = type | tuple[Any, ...] | list[Any] | Mapping[str, Any]
NUMBER = (int, float)
_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}


def read_bytes(path: Path, limit: int = LARGEST) -> bytes:
    """Read a regular file of bounded size.

    Parameters
    ----------
    path : Path
    limit : int
        The largest number of bytes.

    Raises
    ------
    MissingError
        When there is none.
    DataError
        When it is no regular file (a pipe would be waited for, a device never ends), or too large.
    """
    try:
        # Without waiting: a pipe that nobody writes to would block before it can be refused.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(f"there is no {path}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") if not _is_folder(handle) else _refuse(path, handle) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path} is not a regular file")
        if status.st_size > limit:
            raise DataError(f"{path} has more than {limit:,} bytes, which is too much for its kind")
        # Not up to the limit: Python would allocate so much.
        return file.read(status.st_size)


def _is_folder(handle: int) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def _refuse(path: Path, handle: int) -> NoReturn:
    os.close(handle)
    raise DataError(f"{path} is not a regular file")


def read_json(path: Path, form: Form | None = None, infinite: bool = False) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
    form : Form, optional
        What it must hold.
    infinite : bool
        Whether NaN and infinity are taken, which some libraries write.

    Raises
    ------
    MissingError
        When the file does not exist.
    DataError
        When it is not JSON, too large or too deep, repeats a key, holds NaN or infinity, or has
        another form.
    """
    return parse_json(read_bytes(path), str(path), form, infinite)


def parse_json(
    content: bytes | str, name: str, form: Form | None = None, infinite: bool = False
) -> Any:
    """Parse JSON, see ``read_json``.

    Parameters
    ----------
    content : bytes or str
    name : str
        What it is called in errors.
    form : Form, optional
    infinite : bool
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        value = json.loads(text, **(_STRICT | _INFINITE if infinite else _STRICT))
        _check_depth(value, text.count("[") + text.count("{"))
    except RecursionError:
        raise DataError(f"{name} is not valid JSON: {_TOO_DEEP}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 text (byte {error.start + 1})") from None
    except ValueError as error:
        raise DataError(f"{name} is not valid JSON: {_short(error)}") from None
    if form is not None:
        check_form(value, form, name)
    return value


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a TOML file; return its text and its content.

    Raises
    ------
    MissingError
        When the file does not exist.
    DataError
        When it is not TOML in UTF-8, too large or too deep.
    """
    content = read_bytes(path, LARGEST_SETTINGS)
    try:
        text = content.decode()
        # As a file opened as text gives it; TOML allows no other line breaks.
        text = text.replace("\r\n", "\n")
        if _LONG_PATH.search(text):  # the parser takes the square of its length
            raise RecursionError
        value = tomllib.loads(text)
        _check_depth(value, len(text))
    except RecursionError:
        raise DataError(f"{path} is not valid TOML: {_TOO_DEEP}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text") from None
    except ValueError as error:  # also a number of too many digits
        raise DataError(f"{path} is not valid TOML: {_short(error)}") from None
    return text, value


def check_form(value: Any, form: Form, name: str, inside: str = "") -> None:
    """Check that a value has a form.

    Parameters
    ----------
    value : any
        As JSON gives it.
    form : Form
    name : str
        The file, for the error.
    inside : str
        Where in the file the value stands.

    Raises
    ------
    DataError
        With the place in the file, and what is expected there.
    """
    if isinstance(form, Mapping):
        _check_type(value, dict, name, inside)
        _check_keys(value, form, name, inside)
    elif isinstance(form, list):
        _check_type(value, list, name, inside)
        if _are_plain(value, form[0]):
            return
        for number, item in enumerate(value):
            check_form(item, form[0], name, f"{inside}[{number}]")
    elif isinstance(form, tuple) and isinstance(form[0], Mapping):  # an object, or null
        if value is not None:
            check_form(value, form[0], name, inside)
    else:
        _check_type(value, form, name, inside)


def _check_keys(value: dict[str, Any], form: Mapping[str, Any], name: str, inside: str) -> None:
    known = {key.removesuffix("?") for key in form}
    for key, inner in form.items():
        key, optional = key.removesuffix("?"), key.endswith("?")
        place = f"{inside}.{key}" if inside else key
        if key == "*":
            others = value.keys() - known
            if _are_plain(map(value.__getitem__, others), inner):
                continue
            for other in others:
                check_form(value[other], inner, name, f"{inside}.{other}" if inside else other)
        elif key in value:
            check_form(value[key], inner, name, place)
        elif not optional:
            raise DataError(f"{name} lacks '{place}': it is damaged, or of another kind")


def _are_plain(values: Iterable[Any], form: Form) -> bool:
    """Whether values are surely of a simple form; most of what is read is, and there is much."""
    if isinstance(form, type):
        return all(type(value) is form for value in values)
    if isinstance(form, Mapping) and all(isinstance(inner, type) for inner in form.values()):
        keys = form.keys()
        if "*" in keys:
            return len(keys) == 1 and all(
                type(value) is dict and _are_plain(value.values(), form["*"]) for value in values
            )
        return all(
            type(value) is dict
            and all(key in value and type(value[key]) is kind for key, kind in form.items())
            for value in values
        )
    return False


def _check_type(value: Any, kinds: type | tuple[Any, ...], name: str, inside: str) -> None:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    # True is an int in Python, and none here; a whole number is a number.
    fits = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
    if not fits:
        what = f"'{inside}'" if inside else "the content"
        expected = " or ".join(_WORDS.get(kind, kind.__name__) for kind in kinds)
        raise DataError(
            f"{name} is damaged: {what} is {_WORDS.get(type(value), 'something else')}; "
            f"expected {expected}"
        )


# A key with more parts between points than tables may be within each other.
_PART = r"(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+"
_LONG_PATH = re.compile(rf"(?<![\w-])(?:{_PART}\.[ \t]*+){{{DEEPEST}}}")
_TOO_DEEP = f"it is nested more than {DEEPEST} deep"


def _check_depth(value: Any, most: int) -> None:
    """Refuse lists and objects deeper within each other than anything of use."""
    if most <= DEEPEST:  # there are no more brackets than that
        return
    level = [value]
    for _ in range(DEEPEST):
        containers = (item for item in level if isinstance(item, (dict, list)))
        level = [
            inner
            for item in containers
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise RecursionError


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"it has the key {twice[:60]!r} twice")
    return items


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MOST_DIGITS]} is beyond the numbers of a computer")
    return number


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


_STRICT: dict[str, Any] = {
    "object_pairs_hook": _unique,
    "parse_int": _whole_number,
    "parse_float": _number,
    "parse_constant": _refuse_constant,
}
_INFINITE: dict[str, Any] = {"parse_float": float, "parse_constant": float}


def _short(error: ValueError) -> str:
    """Return what a parser says, without the advice to Python's programmers on long numbers."""
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if "\n" in error.doc else ""
        return f"{error.msg} ({line}column {error.colno})"
    text = str(error)
    return "a number has too many digits" if "integer string" in text else text[:200]
