"""Calls into a plugin's code: whatever goes wrong there is one line that says whose fault it is.

>>> with PluginCall(entry, "its value", "a number") as call:  # doctest: +SKIP
...     value = target(x, y)
>>> if not isinstance(value, float):  # doctest: +SKIP
...     raise call.gave(value)
"""

from __future__ import annotations

import shlex
from types import TracebackType
from typing import Any, Protocol

from alignkit.errors import AlignkitError, PluginError, in_one_line, is_out_of_memory
from alignkit.signals import Terminated

LONGEST_VALUE = 80  # characters of a value that is quoted


class Owner(Protocol):
    """Whose code is called, as a registered name says it of itself."""

    @property
    def title(self) -> str:
        """Kind, name, distribution and version."""

    @property
    def check(self) -> str:
        """The command that checks it."""


def is_fault(error: BaseException) -> bool:
    """Return whether an error that came out of a plugin's code is a fault of the plugin.

    It is not where the plugin refuses its input with an ``AlignkitError``, where memory ran out,
    and where this process was told to end.
    """
    passing = (AlignkitError, KeyboardInterrupt, Terminated, GeneratorExit)
    return not isinstance(error, passing) and not is_out_of_memory(error)


class PluginCall:
    """What is asked of a plugin, as a context in which its code is called.

    An error that is a fault of the plugin, see ``is_fault``, becomes a ``PluginError`` of one
    line. A call holds no state: it may be entered many times, and by several threads.

    Parameters
    ----------
    owner : Owner or str
        The registered name (``plugins.Entry``) whose code is called; for code that is not
        registered, what messages call it, such as ``metric 'rv'``.
    asked : str, optional
        What is asked of it, as a noun: ``its value``, ``the inputs of 8 samples``.
    expected : str, optional
        What it should return, in words: ``a number``.
    """

    __slots__ = ("asked", "expected", "owner")

    def __init__(self, owner: Owner | str, asked: str = "", expected: str = "") -> None:
        self.owner, self.asked, self.expected = owner, asked, expected

    def __enter__(self) -> PluginCall:
        """Return the call itself, whose ``gave`` refuses what came back."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Turn a fault of the plugin into a PluginError.

        Raises
        ------
        PluginError
        """
        if error is None or not is_fault(error):
            return
        # A call that the signature does not fit fails here, before any code of the plugin runs.
        unfit = isinstance(error, TypeError) and trace is not None and trace.tb_next is None
        if unfit:  # what it would have given is not the point
            raise self.without_expected().failed(f"cannot be called: {error}") from error
        raise self.failed(f"raised {in_one_line(error)}") from error

    def without_expected(self) -> PluginCall:
        """Return the same call for errors that say themselves what was expected."""
        return PluginCall(self.owner, self.asked)

    def gave(self, value: object) -> PluginError:
        """Return the error for a value that is not what was expected."""
        return self.failed(f"gave {described(value)}")

    def failed(self, what: str) -> PluginError:
        """Return the error for anything that the plugin did, as in ``writes to its input``."""
        owner = self.owner
        title, check = (owner, "") if isinstance(owner, str) else (owner.title, owner.check)
        asked = f", asked for {self.asked}," if self.asked else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f"; to check it: {check}" if check else ""
        return PluginError(f"{title}{asked} {what}{expected}{hint}")


def check_command(kind: str, name: str, file: str = "") -> str:
    """Return the command that checks a name of a kind (in the singular), which a file may add."""
    alignkit = f"alignkit --plugin {shlex.quote(file)}" if file else "alignkit"
    return f"{alignkit} plugins check {kind} {name}"


def described(value: Any) -> str:
    """Return a value in words: a number or text itself, of everything else its type and size.

    >>> described(None), described(2.5), described([1, 2])
    ('None', '2.5', 'a list of 2')
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str):
        text = repr(value)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    shape, numbers = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and numbers is not None:
        return f"{_with_article(name)} of shape {tuple(shape)} and type {numbers}"
    if kind in (list, tuple, dict, set):
        return f"{_with_article(name)} of {len(value)}"
    return f"the class {value.__qualname__}" if isinstance(value, type) else _with_article(name)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
