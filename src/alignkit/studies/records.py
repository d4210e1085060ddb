"""Records of the runs of a study: durations of steps, and errors of those that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from alignkit.documents import NUMBER, Form, check_form
from alignkit.engines import Outcome
from alignkit.errors import DataError
from alignkit.progress import current_reporter
from alignkit.runs import RunConfig
from alignkit.runs.files import held_by_another, locked
from alignkit.runs.listing import found
from alignkit.runs.manifests import read_checked, write_checked

FOLDER = ".study"
# What a record must hold.
RECORD: Form = {
    "run": str,
    "identity": str,
    "task": str,
    "epochs": int,
    "steps": {"*": {"state": str, "seconds": NUMBER, "error?": str, "traceback?": str}},
}
State = Literal["done", "missing", "failed"]


class Records:
    """One JSON file per run of a study, beside the runs: ``runs/.study/<name>/``.

    They do not decide what is done, which is read from the run directories. They keep
    failures until the step is retried, and durations for estimates.

    Parameters
    ----------
    root : Path
        The folder of runs.
    study : str
        Name of the study.
    """

    def __init__(self, root: Path, study: str) -> None:
        self.root = root
        self.folder = root / FOLDER / study

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the study, so that only one process runs it."""
        with locked(self.folder):
            yield

    @property
    def is_held(self) -> bool:
        """Whether a process is running the study."""
        return held_by_another(self.folder)

    def failures(self, identity: str) -> dict[str, str]:
        """Return the errors of a run's failed steps, by step."""
        steps = self._read(identity).get("steps", {})
        return {name: step["error"] for name, step in steps.items() if step["state"] == "failed"}

    def add(self, config: RunConfig, step: str, outcome: Outcome) -> None:
        """Record the outcome of a job of a step; a job that fails makes the step fail."""
        stored = self._read(config.identity) or {
            "run": config.folder,
            "identity": config.identity,
            "task": config.task.name,
            "epochs": config.training.epochs,
            "steps": {},
        }
        before = stored["steps"].get(step, {"seconds": 0.0})
        kept = {key: before[key] for key in ("state", "error", "traceback") if key in before}
        if outcome.state == "failed":
            kept = {"state": "failed", "error": outcome.error, "traceback": outcome.traceback}
        seconds = round(before["seconds"] + outcome.seconds, 3)
        stored["steps"][step] = {"state": "done"} | kept | {"seconds": seconds}
        write_checked(self._file(config.identity), stored)

    def forget(self, config: RunConfig, step: str) -> None:
        """Remove the record of a step, before it is retried."""
        stored = self._read(config.identity)
        if stored and stored["steps"].pop(step, None) is not None:
            write_checked(self._file(config.identity), stored)

    def everywhere(self) -> list[dict[str, Any]]:
        """Return the records of all studies in this folder of runs."""
        files = found(self.root, f"{FOLDER}/*/*.json")
        return [record for file in files if (record := _record(file))]

    def _file(self, identity: str) -> Path:
        return self.folder / f"{identity[:16]}.json"

    def _read(self, identity: str) -> dict[str, Any]:
        file = self._file(identity)
        return _record(file) if file.is_file() else {}


def _record(file: Path) -> dict[str, Any]:
    """Read a record; one that cannot be read is named, and counts as none."""
    try:
        record: dict[str, Any] = read_checked(file)
        check_form(record, RECORD, str(file))
    except DataError as error:
        current_reporter().note(
            f"the record {file} is left out: {error}; remove it, and the study goes on without it"
        )
        return {}
    return record
