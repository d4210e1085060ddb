"""Options of a run in a study file: those of ``alignkit train``."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from alignkit.runs import RunConfig, RuntimeOptions, Training, resolve_config
from alignkit.studies.tables import Source, as_type


@dataclass(frozen=True)
class Entry:
    """A run as a study file describes it, before names are resolved.

    Attributes
    ----------
    task, placement : str or None
        As on the command line; the default when None.
    seed : int
    options : mapping
        All other options, both shared ones and those of this run; ``pretrain`` holds those of the
        pretraining run in which the runs of a grid differ.
    """

    task: str | None
    placement: str | None
    seed: int
    options: Mapping[str, Any]

    @property
    def words(self) -> str:
        """A description of the run, for messages where it has no folder yet."""
        return f"{self.task or 'default task'}, {self.placement or 'default placement'}, " + (
            f"seed {self.seed}"
        )

    def resolve(self) -> RunConfig:
        """Resolve names and options, and take the fingerprint of the data.

        Raises
        ------
        UsageError
            For an unknown name or an invalid option.
        DataError
            When the data, or the run to start from, do not exist.
        """
        given = dict(self.options)
        return resolve_config(
            self.task,
            self.placement,
            given.get("architecture"),
            Training(**_of(Training, given)),
            self.seed,
            given.get("data"),
            init if isinstance(init := given.get("init"), str) else None,
            RuntimeOptions(**_of(RuntimeOptions, given)),
        )


def known_options() -> dict[str, Any]:
    """Return the names and types of a run's options, without task, placement and seed."""
    known: dict[str, Any] = {"architecture": str, "data": str, "init": str}
    return known | typing.get_type_hints(Training) | typing.get_type_hints(RuntimeOptions)


def read_option(source: Source, table: str, key: str, value: Any) -> Any:
    """Check an option and return its value.

    Raises
    ------
    UsageError
        For an unknown option, or a value of the wrong type.
    """
    known = known_options()
    if key not in known:
        raise source.unknown(table, key, known, "option")
    if key == "init" and isinstance(value, bool):  # whether to start from that of [pretrain]
        return value
    return as_type(source, table, key, value, known[key])


def _of(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are fields of a dataclass."""
    names = {field.name for field in fields(kind)}
    return {key: value for key, value in given.items() if key in names}
