"""Write the best placements of a search as a plugin file, ready for ``--plugin``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignkit.errors import DataError, UsageError
from alignkit.runs.files import write_text

_FIRST = '"""Placements found by search, from study '
_PAGE = '''{first}{study}."""

import alignkit

PLACEMENTS = {{
{lines}}}


@alignkit.hookimpl
def register_placements(register):
    for name, (text, vision, summary) in PLACEMENTS.items():
        register(name, {{"text": text, "vision": vision}}, summary=summary)
'''


def write_placements(file: Path, study: str, trials: Sequence[dict[str, Any]]) -> list[str]:
    """Write a plugin file that registers the placements of trials, each once.

    Parameters
    ----------
    file : Path
        Must end in ``.py``.
    study : str
        Name of the study, from which the placements get their names.
    trials : sequence of dict
        Trials as in ``Analysis.pareto``.

    Returns
    -------
    list of str
        The names that the file registers.

    Raises
    ------
    UsageError
        When the file does not end in ``.py``, or exists and was not written by a search.
    DataError
        When no trial has a placement.
    """
    if file.suffix != ".py":
        raise UsageError(f"`register` is {file}; a plugin file must end in .py")
    if file.exists() and not _is_ours(file):
        raise UsageError(
            f"{file} exists and was not written by a search; choose another file with `register`"
        )
    distinct: dict[tuple[Any, Any], dict[str, Any]] = {}
    for trial in trials:
        if trial["placement"]:
            key = (tuple(trial["placement"]["text"]), tuple(trial["placement"]["vision"]))
            distinct.setdefault(key, trial)
    if not distinct:
        raise DataError(
            f"study '{study}' has no complete trial with a placement; expected the parameters of a "
            "placement search, or a study made by: alignkit search run"
        )
    named = {f"{_name(study)}_{trial['number']}": trial for trial in distinct.values()}
    lines = "".join(_line(name, trial) for name, trial in named.items())
    write_text(file, _PAGE.format(first=_FIRST, study=_plain(study), lines=lines))
    return list(named)


def _is_ours(file: Path) -> bool:
    return file.is_file() and file.read_bytes().startswith(_FIRST.encode())


def _line(name: str, trial: dict[str, Any]) -> str:
    placement = trial["placement"]
    values = ", ".join(f"{key} {value:.4g}" for key, value in trial["values"].items())
    summary = _plain(f"trial {trial['number']}: {values}")
    return f'    "{name}": ({placement["text"]}, {placement["vision"]}, "{summary}"),\n'


def _name(study: str) -> str:
    """Return a name that can be registered; the name of a study may have any characters."""
    plain = re.sub(r"[^a-z0-9]+", "_", study.lower()).strip("_")[:40].strip("_")
    return plain or "found"


def _plain(text: str) -> str:
    """Return text that can stand in a string literal."""
    return re.sub(r"[^\w .,:;=+@/()-]", "?", text, flags=re.ASCII)
