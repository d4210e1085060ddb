"""Time ``alignkit --help``, compared with the help of a bare Typer program.

Both are run alternately and compared by the median of the pairwise ratios, so that drifts in
the speed of the machine cancel out.

    python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = '''
import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def root(quiet: bool = typer.Option(False, help="Only results.")) -> None:
    """A program with some commands."""

{commands}

app()
'''
COMMAND = '''
@app.command()
def command{i}(
    name: str = typer.Option("", help="A name."),
    n: int = typer.Option(1, help="A number."),
) -> None:
    """Do something."""
'''


def seconds(command: list[str]) -> float:
    """Return the wall time of a command, discarding its output."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main(runs: int) -> None:
    """Print both medians and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        commands = "".join(COMMAND.format(i=i) for i in range(10))
        bare.write_text(BARE.format(commands=commands))
        ours = [sys.executable, "-m", "alignkit", "--help"]
        theirs = [sys.executable, str(bare), "--help"]
        seconds(ours), seconds(theirs)
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    print(f"alignkit --help        {statistics.median(a for a, _ in pairs):.3f} s")
    print(f"bare Typer, 10 commands {statistics.median(b for _, b in pairs):.3f} s")
    print(f"ratio, median of {runs} pairs: {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
