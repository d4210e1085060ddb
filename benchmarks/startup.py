"""CPU time of ``alignkit --help`` and ``alignkit list``, also with many plugins installed.

``--help`` is compared with the help of a bare Typer program, and ``list`` with that without the
plugins. Both are run alternately and compared by the median of the pairwise ratios or
differences, so that drifts in the speed of the machine cancel out.

    python benchmarks/startup.py [RUNS] [PLUGINS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
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


PLUGIN = """
import alignkit

PLUGIN_API = 1


@alignkit.hookimpl
def register_metrics(register):
    register("{name}", "{name}_code:similarity", summary="A metric", range=(0, 1), best=1)


@alignkit.hookimpl
def register_tasks(register):
    register("{name}", "{name}_code:Task", summary="A task")
"""
CODE = """
import torch


def similarity(x, y, k: int = 10):
    return torch.corrcoef(torch.stack([x.tensor.flatten(), y.tensor.flatten()]))[0, 1]
"""


def install(folder: Path, plugins: int) -> None:
    """Write plugins into a folder as pip does, each a distribution of a metric and a task."""
    for number in range(plugins):
        name = f"plugin_{number:02d}"
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name))
        (folder / f"{name}_code.py").write_text(CODE)
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        requires = "Requires-Dist: alignkit>=0.1,<0.2\nRequires-Dist: torch"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[alignkit]\n{name} = {name}\n")


def seconds(command: list[str], path: str = "") -> float:
    """Return the CPU time of a command, discarding its output; others may use the machine."""
    paths = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH", "")]))
    before = os.times()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths}
    )
    after = os.times()
    spent = after.children_user - before.children_user
    return spent + after.children_system - before.children_system


def compare_with_bare(runs: int) -> None:
    """Print the medians of both helps, and the ratio."""
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


def compare_with_plugins(runs: int, plugins: int) -> None:
    """Print the medians of two commands without and with more plugins, and the difference."""
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder), plugins)
        for words in (["--help"], ["list", "metrics"]):
            command = [sys.executable, "-m", "alignkit", *words]
            seconds(command, folder), seconds(command)
            pairs = [(seconds(command, folder), seconds(command)) for _ in range(runs)]
            many, none = (statistics.median(side) for side in zip(*pairs, strict=True))
            added = statistics.median(a - b for a, b in pairs)
            print(f"alignkit {' '.join(words)}: {none:.3f} s; {plugins} plugins more: {many:.3f} s")
            print(f"difference, median of {runs} pairs: {added:+.3f} s")


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    runs, plugins = [*numbers, *(15, 50)[len(numbers) :]]
    compare_with_bare(runs)
    compare_with_plugins(runs, plugins)
