"""The command ``alignkit best``: the best run of every task."""

from pathlib import Path

import alignkit


def best(runs: Path = Path("runs"), split: str = "validation") -> None:
    """Print the best run of every task, by its primary score.

    Example: alignkit best --split test
    """
    found: dict[str, tuple[float, alignkit.Run]] = {}
    for run in alignkit.load_runs(runs):
        name = run.performance()["primary"]
        value = run.scores(split).get(name)
        if value is None:
            continue
        rank = value if run.higher_is_better(name) else -value
        if run.task not in found or rank > found[run.task][0]:
            found[run.task] = rank, run
    if not found:
        raise alignkit.DataError(f"no run below {runs} has scores on {split}; see: alignkit runs")
    for _, run in found.values():
        name = run.performance()["primary"]
        print(f"{run.path}  {name} {run.scores(split)[name]:.3f}")
