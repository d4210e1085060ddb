"""Write ``docs/commands.md`` from every command's ``--help``, or check that it is current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")
COMMANDS = (
    "train",
    "evaluate",
    "extract",
    "measure",
    "compare",
    "correlate",
    "report",
    "plot",
    "hypotheses",
    "agreement",
    "stability",
    "dimension",
    "trajectory",
    "probe",
    "ablation",
    "explain",
    "explain attention",
    "explain grad-cam",
    "explain tokens",
    "sanity",
    "power",
    "consistency",
    "study",
    "study run",
    "study plan",
    "study status",
    "study retry",
    "search run",
    "search analyse",
    "search list",
    "search repair",
    "list",
    "show",
    "plugins",
    "plugins check",
    "new",
    "runs",
    "runs list",
    "runs show",
    "runs rm",
    "runs gc",
    "runs verify",
    "runs export",
    "runs import",
    "data info",
    "data verify",
    "data cache",
    "doctor",
)

EXIT_CODES = """## Exit codes

- **0**: done.
- **1**: failed: data, a file, a plugin, the disk, or a check that found a failure. stderr names
  what failed; everything else was done.
- **2**: the command is wrong: an option, a name, a value out of range. Nothing was begun.
- **130**: interrupted, by Ctrl-C.
- **143**: terminated, by SIGTERM or by SIGUSR1, with which SLURM's `--signal` warns before a
  time limit.

After 130 and 143 there are a checkpoint of every training, the complete shards of an extraction,
measured values, steps of a study and trials of a search; after these codes, `kill -9` or a full
disk the same command goes on where it was. A command that is stopped stops its workers, which
have eight seconds to write what they have; workers whose command was killed stop by themselves.
"""


def help_of(*words: str) -> str:
    """The help of a command, as plain text of a fixed width."""
    plain = {"COLUMNS": "88", "NO_COLOR": "1", "TYPER_USE_RICH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "alignkit", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | plain,
    )
    return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE).replace(
        "python -m alignkit", "alignkit"
    )


def page() -> str:
    """The whole page."""
    parts = [f"# Commands\n\nWritten by `make docs` from `--help`.\n\n{EXIT_CODES}"]
    for words in [(), *(tuple(command.split()) for command in COMMANDS)]:
        title = f"## alignkit {' '.join(words)}".rstrip()
        parts += [f"{title}\n\n```\n{help_of(*words).strip()}\n```\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/commands.md is not current; write it anew with: make docs")
