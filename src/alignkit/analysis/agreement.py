"""Metrics against each other over the layers of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignkit.analysis.layer_values import layer_values, same_samples
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.agreement import Agreement


@dataclass(frozen=True)
class Agreeing:
    """What ``alignkit agreement`` found.

    Attributes
    ----------
    found : Agreement
    pairs : DataFrame
        One row per pair of metrics: ``a``, ``b``, ``pearson``, ``spearman``, ``within``,
        ``n``, ``runs``.
    metrics : DataFrame
        One row per metric: its group, and the metric that is most like it.
    settings : dict
    notes : list of str
    """

    found: Agreement
    pairs: pd.DataFrame
    metrics: pd.DataFrame
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """How many measurements the metrics are, and which are one."""
        groups: dict[int, list[str]] = {}
        for metric, group in zip(self.found.metrics, self.found.groups, strict=True):
            groups.setdefault(group, []).append(metric)
        shared = [" = ".join(members) for members in groups.values() if len(members) > 1]
        said = (
            f"{len(self.found.metrics)} metrics are {len(groups)} measurement(s) at "
            f"{self.settings['alike']:g}"
        )
        return f"{said}: {'; '.join(shared)}." if shared else f"{said}: no two are alike."


def agree(
    runs: Sequence[Run],
    metrics: Sequence[str],
    *,
    layers: str = "same",
    split: str = "test",
    pool: str = "cls",
    samples: int | None = None,
    seed: int = 0,
    alike: float = 0.95,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> Agreeing:
    """Correlate every metric with every other over the layers of all runs.

    Raises
    ------
    UsageError
        For fewer than two metrics with values that vary, or runs measured on different
        numbers of samples.
    """
    from alignkit.metrics import resolve
    from alignkit.statistics.agreement import agreement

    check_alike(alike)
    table = layer_values(
        runs,
        metrics,
        layers=[layers],
        split=split,
        pool=pool,
        samples=samples,
        seed=seed,
        lenient=lenient,
        reporter=reporter,
    )
    n = same_samples(table)
    order = list(dict.fromkeys(table["metric"]))
    wide = table.pivot(index=["run", "x", "y"], columns="metric", values="value")[order]
    wide = wide.reset_index()
    usable, notes = _usable(wide, order, table)
    if len(usable) < 2:
        raise UsageError(
            f"{len(usable)} metric(s) with values that vary; two or more are needed to compare "
            f"({'; '.join(notes) or 'name more with --metric'})"
        )
    down = [spec for spec in usable if not resolve(spec).higher_is_better]
    found = agreement(wide, usable, down, alike)
    settings = {
        "layers": layers,
        "split": split,
        "pool": pool,
        "samples": n,
        "seed": seed,
        "runs": int(wide["run"].nunique()),
        "values": len(wide),
        "alike": alike,
        "turned_round": down,
    }
    return Agreeing(found, _pairs(found), _by_metric(found), settings, notes)


def check_alike(alike: float) -> None:
    """Refuse what is no correlation from which metrics could be alike."""
    if not 0 < alike <= 1:
        raise UsageError(f"--alike is {alike}; it must be above 0, at most 1")


def _usable(
    wide: pd.DataFrame, metrics: Sequence[str], table: pd.DataFrame
) -> tuple[list[str], list[str]]:
    """Metrics that vary; and why the others are left out."""
    usable, notes = [], []
    for metric in metrics:
        defined = int(wide[metric].notna().sum())
        if wide[metric].nunique() > 1 and defined >= 3:
            usable.append(metric)
            if defined < len(wide):
                notes.append(
                    f"{metric} is undefined in {len(wide) - defined} of {len(wide)} "
                    "values, which are left out"
                )
            continue
        reasons = table.loc[(table["metric"] == metric) & (table["reason"] != ""), "reason"]
        why = reasons.iloc[0] if len(reasons) else "it is the same everywhere"
        notes.append(f"{metric} is left out: {defined} of {len(wide)} values are defined ({why})")
    return usable, notes


def _pairs(found: Agreement) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "a": found.metrics[i],
            "b": found.metrics[j],
            "pearson": found.pearson[i, j],
            "spearman": found.spearman[i, j],
            "within": found.within[i, j],
            "n": int(found.n[i, j]),
            "runs": int(found.runs[i, j]),
        }
        for i in range(len(found.metrics))
        for j in range(i + 1, len(found.metrics))
    ]
    return pd.DataFrame(rows)


def _by_metric(found: Agreement) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = []
    for i, metric in enumerate(found.metrics):
        others = found.spearman[i].copy()
        others[i] = np.nan
        row: dict[str, Any] = {"metric": metric, "group": found.groups[i]}
        if np.isfinite(others).any():
            j = int(np.nanargmax(others))
            row |= {
                "most_like": found.metrics[j],
                "pearson": found.pearson[i, j],
                "spearman": found.spearman[i, j],
                "within": found.within[i, j],
                "n": int(found.n[i, j]),
                "runs": int(found.runs[i, j]),
            }
        rows.append(row)
    return pd.DataFrame(rows)
