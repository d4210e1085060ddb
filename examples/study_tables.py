"""Check the tables that the original study printed: r, p and n, repeated runs, signs.

The study printed 176 correlations of eleven metrics with accuracy and loss, each with its p,
and the runs behind them. They can be checked without any representation: (1) which number of
runs each p implies, (2) whether a run is listed twice, (3) whether any data can have these
correlations with accuracy and with loss at the same time, and (4) which of them remain
significant if the units are placements instead of runs. Takes a second:

    python examples/study_tables.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from alignkit.report.consistency import consistency_lines
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.figures.p_against_n import p_against_n
from alignkit.report.figures.possible_correlations import bounds
from alignkit.statistics.consistency import (
    PrintedCheck,
    check_printed,
    implied_n,
    p_fits,
    parametric_p,
)
from alignkit.statistics.correlation.units import repeated_numbers
from alignkit.statistics.multiple_testing import holm

TABLES = Path(__file__).with_name("study_tables")
GROUP = ["task", "split", "statistic"]
NUMBERS = ["test_loss", "test_accuracy", "validation_loss", "validation_accuracy"]
PLACEMENTS = 5  # of three seeds each: what the listed runs look like


def main(folder: Path) -> dict[str, Any]:
    """Print the results, write the figures with their data, and return the numbers."""
    printed = pd.read_csv(TABLES / "printed.csv")
    runs = pd.read_csv(TABLES / "runs.csv")
    found = {"p": fitting(printed), "twice": twice(runs)}
    found |= signs(printed, without_repeats(runs)) | {"units": with_five_units(printed)}
    figures = FigureFolder(folder)
    checked = found["as_printed"].triples
    figures.add("signs", bounds(checked), checked, "r with loss", "Printed r and possible range.")
    figures.add("p", p_against_n(found["units"], PLACEMENTS), found["units"], "p", "p by units.")
    print(f"\nfigures: {', '.join(each.name for each in figures.shown)} in {folder}")
    return found


def fitting(printed: pd.DataFrame) -> pd.DataFrame:
    """Return whether each printed p fits its r and n within rounding, and which n would fit."""
    rows = list(zip(printed["r"], printed["p"], printed["n"], strict=True))
    fits = [p_fits(r, p, n) for r, p, n in rows]
    spans = [implied_n(r, p) for r, p, _ in rows]
    print(f"{sum(fits)} of {len(fits)} printed p fit their r and n within rounding")
    table = printed.assign(fits=fits, n_low=[s[0] for s in spans], n_high=[s[1] for s in spans])
    for task, part in table.groupby("task"):
        low, high = int(part["n_low"].max()), int(part["n_high"].min())
        only = f"{low}" if low == high else f"{low} to {high}"
        print(f"  {task}: all {len(part)} together imply n = {only}")
    return table


def twice(runs: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Return runs that are listed twice: task, number in the list, number of the first copy."""
    found = [
        (runs.loc[copy, "task"], int(runs.loc[copy, "run"]), int(runs.loc[first, "run"]))
        for copy, first in repeated_numbers(runs, NUMBERS)
    ]
    for task, copy, first in found:
        print(f"{task}: run {copy} has exactly the four numbers of run {first}")
    return found


def without_repeats(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without repetitions."""
    return runs.drop(index=[copy for copy, _ in repeated_numbers(runs, NUMBERS)])


def signs(printed: pd.DataFrame, runs: pd.DataFrame) -> dict[str, PrintedCheck]:
    """Check triples of metric, accuracy and loss, as printed and with the sign of loss flipped."""
    known = printed.rename(columns={"metric": "x", "outcome": "y"})[[*GROUP, "x", "y", "r"]]
    known = pd.concat([_accuracy_with_loss(runs), known])
    turned = known.assign(
        r=known["r"].where((known["y"] != "loss") | (known["x"] == "accuracy"), -known["r"])
    )
    found = {}
    for name, table in (("as_printed", known), ("turned", turned)):
        groups = table[GROUP].agg(" ".join, axis=1)
        found[name] = check_printed(table.assign(group=groups), digits=3)
    print("metric, accuracy and loss, as printed:")
    for line in consistency_lines(found["as_printed"]):
        print(f"  {line}")
    print("with the sign of every printed correlation with loss flipped:")
    print(f"  {consistency_lines(found['turned'])[0]}")
    print(
        "  so they are correlations with the negative loss, or with losses other than those listed"
    )
    return found


def _accuracy_with_loss(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for task, mine in runs.groupby("task"):
        for split in ("test", "validation"):
            for statistic in ("pearson", "spearman"):
                accuracy, loss = mine[f"{split}_accuracy"], mine[f"{split}_loss"]
                r = round(accuracy.corr(loss, method=statistic), 3)
                print(f"{task} {split}: {statistic} of accuracy with loss is {r:+.3f}")
                rows.append(
                    {
                        "task": task,
                        "split": split,
                        "statistic": statistic,
                        "x": "accuracy",
                        "y": "loss",
                        "r": r,
                    }
                )
    return pd.DataFrame(rows)


def with_five_units(printed: pd.DataFrame) -> pd.DataFrame:
    """Test the same r over five placements, and over runs with Holm over the metrics of a block."""
    table = printed.assign(
        p_five=[parametric_p(r, PLACEMENTS) for r in printed["r"]],
        p_runs=[parametric_p(r, n) for r, n in zip(printed["r"], printed["n"], strict=True)],
    )
    blocks = table.groupby([*GROUP, "outcome"])["p_runs"]
    table["p_holm"] = blocks.transform(lambda p: holm(p.to_numpy()))
    below = int((table["p_five"] < 0.05).sum())
    print(f"over {PLACEMENTS} placements, {below} of {len(table)} such correlations have p < 0.05")
    on_test = table[(table["split"] == "test") & (table["statistic"] == "pearson")]
    kept = on_test[(on_test["outcome"] == "accuracy") & (on_test["p_holm"] < 0.01)]
    named = ", ".join(f"{row.metric} on {row.task}" for row in kept.itertuples()) or "none"
    print(f"with runs as units and Holm correction over 11 metrics, p < 0.01 on test for: {named}")
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "study_tables_figures"))
