"""Options of a run, as they stand in a study file: those of ``alignkit train``."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from alignkit.runs import RunConfig, RuntimeOptions, Training, resolve_config
from alignkit.studies.tables import Source, as_type


@dataclass(frozen=True)
class Entry:
    """A run as the file asks for it, before anything is looked up.

    Attributes
    ----------
    task, placement : str or None
        As on the command line; the embedded default when None.
    seed : int
    options : mapping
        Everything else, shared and own options joined.
    """

    task: str | None
    placement: str | None
    seed: int
    options: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The run in words, where it has no folder yet."""
        return f"{self.task or 'default task'}, {self.placement or 'default placement'}, " + (
            f"seed {self.seed}"
        )

    def resolve(self) -> RunConfig:
        """Look everything up, the data's fingerprint included.

        Raises
        ------
        UsageError
            For a name or an option that makes no sense.
        DataError
            When the data, or the run to start from, are not there.
        """
        given = dict(self.options)
        return resolve_config(
            self.task,
            self.placement,
            given.get("architecture"),
            Training(**_of(Training, given)),
            self.seed,
            given.get("data"),
            given.get("init") or None,
            RuntimeOptions(**_of(RuntimeOptions, given)),
        )


def known_options() -> dict[str, Any]:
    """Names and types of the options that a run may have, beside task, placement and seed."""
    known: dict[str, Any] = {"architecture": str, "data": str, "init": str}
    return known | typing.get_type_hints(Training) | typing.get_type_hints(RuntimeOptions)


def read_option(source: Source, table: str, key: str, value: Any) -> Any:
    """Check one option.

    Raises
    ------
    UsageError
        For an unknown one, or a value of the wrong type.
    """
    known = known_options()
    if key not in known:
        raise source.unknown(table, key, known, "option")
    if key == "init" and value is False:  # from scratch, though the others start from a run
        return False
    return as_type(source, table, key, value, known[key])


def _of(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {key: value for key, value in given.items() if key in names}
