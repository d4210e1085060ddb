"""An object of a plugin as alignkit uses it: its calls are wrapped, its answers checked."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from alignkit.plugins.calls import Owner, PluginCall, described

Check = Callable[[PluginCall, Any], Any]  # returns the answer, perhaps in another form


class Guarded:
    """Stands for an object of a plugin, and passes on what is asked of it.

    An error in the code of the plugin becomes a ``PluginError``, and so does an answer of the
    wrong form. Subclasses have a method for what the object must have, and a check for what it
    may have. To ``isinstance`` it is the object itself.

    Parameters
    ----------
    made
        What the plugin made.
    owner : Owner or str
        Whose it is.

    Raises
    ------
    PluginError
        If it lacks something that objects of its kind must have.
    """

    what: ClassVar[str] = ""  # what it is of its owner, where it is not the object itself
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[Mapping[str, Check]] = {}

    def __init__(self, made: Any, owner: Owner | str) -> None:
        self._made, self._owner = made, owner
        missing = [name for name in self.required if not _has(made, name)]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            verb, what = ("gave", described(made)) if self.what else ("is", _class_of(made))
            raise self._call(self.what).failed(f"{verb} {what} without {names}")

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._made)

    def __getattr__(self, name: str) -> Any:
        made, owner = self.__dict__["_made"], self.__dict__["_owner"]
        call = PluginCall(owner, f"{self._of}`{name}`")
        if not _has(made, name):
            raise AttributeError(f"{type(made).__name__} has no attribute '{name}'")
        with call:
            value = getattr(made, name)
        check = type(self).optional.get(name)
        if not (inspect.ismethod(value) or inspect.isfunction(value)):
            return check(call, value) if check else value

        def asked(*given: Any, **further: Any) -> Any:
            with call:
                answer = value(*map(plain, given), **further)
            return check(call, answer) if check else answer

        return asked

    def __repr__(self) -> str:
        """Return that of the object."""
        return repr(self._made)

    @property
    def _of(self) -> str:
        return f"{self.what}: " if self.what else ""

    def _call(self, asked: str = "", expected: str = "") -> PluginCall:
        return PluginCall(self._owner, asked, expected)

    def _ask(self, call: PluginCall, name: str, *given: Any, **further: Any) -> Any:
        """Return what a method of the object gives."""
        with call:
            return getattr(self._made, name)(*map(plain, given), **further)

    def _read(self, call: PluginCall, name: str) -> Any:
        """Return an attribute of the object."""
        with call:
            return getattr(self._made, name)


def of_type(kind: type[Any] | tuple[type[Any], ...], expected: str) -> Check:
    """Return a check that an answer is of a type; of which errors say ``expected``."""

    def check(call: PluginCall, value: Any) -> Any:
        if not isinstance(value, kind):
            raise call.failed(f"gave {described(value)}; expected {expected}")
        return value

    return check


def check_json(call: PluginCall, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values by name.

    Raises
    ------
    PluginError
        If JSON cannot hold them.
    """
    try:
        json.dumps(dict(value))
    except (TypeError, ValueError) as error:
        raise call.failed(f"gave what JSON cannot hold: {error}") from None
    return dict(value)


def whose(made: Any) -> Owner | str:
    """Return whose an object is that a guard stands for; of another, what messages call it."""
    if issubclass(type(made), Guarded):
        owner: Owner | str = object.__getattribute__(made, "_owner")
        return owner
    return f"the object {type(made).__name__}"


def _class_of(made: Any) -> str:
    return "None" if made is None else f"of the class {type(made).__name__},"


def plain(value: Any) -> Any:
    """Return the object of a plugin that a guard stands for, and anything else as it is."""
    return object.__getattribute__(value, "_made") if issubclass(type(value), Guarded) else value


def _has(made: Any, name: str) -> bool:
    """Return whether an object has an attribute, without asking a property for its value."""
    try:
        inspect.getattr_static(made, name)
    except AttributeError:
        try:
            return hasattr(made, name)
        except Exception:
            return True  # it has, and asking for it fails
    return True
