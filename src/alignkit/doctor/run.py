"""Make all checks side by side; one that does not end is a finding of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alignkit.doctor import files, interface, machine, software
from alignkit.doctor.finding import PROBLEM, Finding
from alignkit.errors import in_one_line
from alignkit.progress import SILENT, Reporter

SECONDS = 90.0  # for all checks together; those that start another process limit that, too

# In the order in which they are shown.
CHECKS: tuple[tuple[str, Callable[[Path], Sequence[Finding]]], ...] = (
    ("software", software.check_versions),
    ("plugins", software.check_plugins),
    ("devices", machine.check_torch),
    ("folder", files.check_folder),
    ("disk", files.check_disk),
    ("locks", files.check_locks),
    ("data", files.check_data),
    ("caches", files.check_caches),
    ("fonts", interface.check_fonts),
    ("text", interface.check_encoding),
    ("completion", interface.check_completion),
)


@dataclass
class _Running:
    """A check in a thread of its own, which ends with the process whatever it is waiting for."""

    name: str
    check: Callable[[Path], Sequence[Finding]]
    runs: Path
    findings: Sequence[Finding] | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self) -> None:
        try:
            self.findings = self.check(self.runs)
        except Exception as error:  # a check that fails is no reason to make no other
            remedy = "this was not expected: please report it"
            self.findings = [Finding(self.name, PROBLEM, in_one_line(error), remedy)]

    def result(self, until: float) -> Sequence[Finding]:
        self.thread.join(max(0, until - time.monotonic()))
        if self.findings is None:
            found = "the check does not end"
            remedy = "see whether a disk or a folder of the network no longer answers"
            return [Finding(self.name, PROBLEM, found, remedy)]
        return self.findings


def diagnose(
    runs: Path = Path("runs"), seconds: float = SECONDS, reporter: Reporter = SILENT
) -> list[Finding]:
    """Return what all checks find.

    Parameters
    ----------
    runs : Path
        The folder of runs, which need not exist.
    seconds : float
        For all checks together; one that takes longer is a problem.
    reporter : Reporter
    """
    running = [_Running(name, check, runs) for name, check in CHECKS]
    until = time.monotonic() + seconds
    findings: list[Finding] = []
    with reporter.progress("looking", len(running)) as bar:
        for each in running:
            bar.describe(f"looking at {each.name}")
            findings += each.result(until)
            bar.advance()
    return findings
