"""``alignkit doctor``: is everything fit for work, and how to mend what is not?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from alignkit.cli.arguments import Json, RunsFolder
from alignkit.cli.options import as_options

if TYPE_CHECKING:
    from alignkit.doctor import Finding


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Inspection")(doctor)


def doctor(runs: RunsFolder = Path("runs"), json: Json = False) -> None:
    """Look at this machine, the installation and the folder, and say how to mend what is wrong.

    Versions, plugins, devices, threads and BLAS, write permission, disk space, locks of runs, data,
    caches, fonts, the encoding of text and shell completion. The exit code is 1 if there is a
    problem; a warning is none.

    Example: alignkit doctor
    """
    from alignkit.cli.printing import console
    from alignkit.doctor import OK, PROBLEM, WARNING, diagnose

    findings = [
        replace(finding, remedy=as_options(finding.remedy))
        for finding in diagnose(runs, reporter=console.TerminalReporter())
    ]
    if json:
        console.print_json([vars(finding) for finding in findings])
    else:
        console.print_table([vars(finding) for finding in findings], ["check", "state", "found"])
        for finding in findings:
            if finding.state != OK:
                console.print_text(f"\n{finding.check}, {finding.state}: {finding.found}")
                console.print_text(f"to mend it: {finding.remedy}", indent=2)
        console.print_text(f"\n{_counted(findings, PROBLEM)}, {_counted(findings, WARNING)}")
    if any(finding.state == PROBLEM for finding in findings):
        raise typer.Exit(1)


def _counted(findings: "Sequence[Finding]", state: str) -> str:
    count = sum(finding.state == state for finding in findings)
    return f"{count} {state}" if count == 1 else f"{count} {state}s"
