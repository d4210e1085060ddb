"""Which guard stands for the objects of a kind."""

from __future__ import annotations

from typing import Any

from alignkit.plugins.registry import Entry


def made_by(entry: Entry, made: Any) -> Any:
    """Return an object that a plugin made, guarded as its kind is.

    Raises
    ------
    PluginError
        If it lacks what objects of its kind must have.
    """
    if entry.kind == "tasks":
        from alignkit.contracts.task import GuardedTask

        return GuardedTask(made, entry)
    if entry.kind == "architectures":
        from alignkit.contracts.architecture import GuardedArchitecture

        return GuardedArchitecture(made, entry)
    if entry.kind == "encoders":
        from alignkit.contracts.encoder import GuardedEncoder

        return GuardedEncoder(made, entry)
    if entry.kind == "targets":
        from alignkit.contracts.target import guarded_target

        return guarded_target(made, entry)
    return made
