"""The best placements of a search as a plugin file, ready for ``--plugin``."""

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
    """Write a plugin file with the placements of trials, each once.

    Parameters
    ----------
    file : Path
        Ends in ``.py``.
    study : str
    trials : sequence of dict
        As ``analyse`` describes them.

    Returns
    -------
    list of str
        The names that the file registers.

    Raises
    ------
    UsageError
        When the file is not called ``.py``, or is there and was not written by this.
    DataError
        When no trial stands for a placement.
    """
    if file.suffix != ".py":
        raise UsageError(f"--register {file}: a plugin file must end in .py")
    if file.exists() and not _is_ours(file):
        raise UsageError(
            f"--register {file}: the file is there and was not written by a search; name another"
        )
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for trial in trials:
        if trial["placement"]:
            key = (tuple(trial["placement"]["text"]), tuple(trial["placement"]["vision"]))
            found.setdefault(key, trial)
    if not found:
        raise DataError(
            f"study '{study}' has no complete trial that stands for a placement; expected the "
            "parameters of a placement search, or a study made by: alignkit search run"
        )
    named = {f"{_name(study)}_{trial['number']}": trial for trial in found.values()}
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
    """A name that may be registered; studies may be called anything."""
    plain = re.sub(r"[^a-z0-9]+", "_", study.lower()).strip("_")[:40].strip("_")
    return plain or "found"


def _plain(text: str) -> str:
    """Text that ends no string of a program."""
    return re.sub(r"[^\w .,:;=+@/()-]", "?", text, flags=re.ASCII)
