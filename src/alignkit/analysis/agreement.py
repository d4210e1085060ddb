"""Metrics against each other over the layers of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from alignkit.analysis.layer_values import check_samples, layer_values
from alignkit.analysis.options import TableOptions, canonical_specs
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.agreement import Agreement


@dataclass(frozen=True)
class MetricAgreement:
    """How far metrics agree with each other over the layers of runs.

    Attributes
    ----------
    correlations : Agreement
        The matrices of correlations, and the groups of metrics.
    pairs : DataFrame
        One row per pair of metrics: ``a``, ``b``, ``pearson``, ``spearman``, ``within``,
        ``n``, ``runs``.
    metrics : DataFrame
        One row per metric: its group, and the metric that is most like it.
    settings : dict
    notes : list of str
    """

    correlations: Agreement
    pairs: pd.DataFrame
    metrics: pd.DataFrame
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {"pairs": self.pairs, "metrics": self.metrics}

    @property
    def sentence(self) -> str:
        """How many measurements the metrics are, and which are one."""
        groups: dict[int, list[str]] = {}
        metrics = self.correlations.metrics
        for metric, group in zip(metrics, self.correlations.groups, strict=True):
            groups.setdefault(group, []).append(metric)
        shared = [" = ".join(members) for members in groups.values() if len(members) > 1]
        said = (
            f"{len(metrics)} metrics are {len(groups)} measurement(s) at {self.settings['alike']:g}"
        )
        return f"{said}: {'; '.join(shared)}." if shared else f"{said}: no two are alike."


def agree(
    runs: Sequence[Run],
    options: TableOptions,
    layers: str = "same",
    alike: float = 0.95,
    reporter: Reporter = SILENT,
) -> MetricAgreement:
    """Correlate every metric with every other over the layers of all runs.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions
        Its layer rule and outcome are not used.
    layers : str
        Pairs of sites to compare over, as for ``measure_run``.
    alike : float
        Mean Spearman correlation, above 0 and at most 1, from which metrics form one group.

    Raises
    ------
    UsageError
        For fewer than two metrics with values that vary, or runs measured on different
        numbers of samples.
    """
    from alignkit.metrics import resolve
    from alignkit.statistics.agreement import agreement

    check_alike(alike)
    options = replace(options, metrics=canonical_specs(options.metrics))
    table = layer_values(runs, options, lambda _: [layers], reporter=reporter)
    check_samples(table)
    order = list(dict.fromkeys(table["metric"]))
    wide = table.pivot(index=["run", "x", "y"], columns="metric", values="value")[order]
    wide = wide.reset_index()
    usable, notes = _usable(wide, order, table)
    if len(usable) < 2:
        raise UsageError(
            f"{len(usable)} metric(s) with values that vary; two or more are needed to compare "
            f"({'; '.join(notes) or 'name more in `metrics`'})"
        )
    down = [spec for spec in usable if not resolve(spec).higher_is_better]
    correlations = agreement(wide, usable, down, alike)
    settings = {
        "layers": layers,
        "split": options.split,
        "pool": options.pool,
        "samples": int(table["n"].iloc[0]),
        "seed": options.seed,
        "runs": int(wide["run"].nunique()),
        "values": len(wide),
        "alike": alike,
        "turned_round": down,
    }
    for note in notes:
        reporter.note(f"note: {note}")
    pairs, by_metric = _pairs(correlations), _by_metric(correlations)
    return MetricAgreement(correlations, pairs, by_metric, settings, notes)


def check_alike(alike: float) -> None:
    """Refuse a correlation from which metrics cannot be grouped.

    Raises
    ------
    UsageError
        Unless it is above 0 and at most 1.
    """
    if not 0 < alike <= 1:
        raise UsageError(f"`alike` is {alike}; it must be above 0 and at most 1")


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


def _pairs(agreement: Agreement) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "a": agreement.metrics[i],
            "b": agreement.metrics[j],
            "pearson": agreement.pearson[i, j],
            "spearman": agreement.spearman[i, j],
            "within": agreement.within[i, j],
            "n": int(agreement.n[i, j]),
            "runs": int(agreement.runs[i, j]),
        }
        for i in range(len(agreement.metrics))
        for j in range(i + 1, len(agreement.metrics))
    ]
    return pd.DataFrame(rows)


def _by_metric(agreement: Agreement) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = []
    for i, metric in enumerate(agreement.metrics):
        others = agreement.spearman[i].copy()
        others[i] = np.nan
        row: dict[str, Any] = {"metric": metric, "group": agreement.groups[i]}
        if np.isfinite(others).any():
            j = int(np.nanargmax(others))
            row |= {
                "most_like": agreement.metrics[j],
                "pearson": agreement.pearson[i, j],
                "spearman": agreement.spearman[i, j],
                "within": agreement.within[i, j],
                "n": int(agreement.n[i, j]),
                "runs": int(agreement.runs[i, j]),
            }
        rows.append(row)
    return pd.DataFrame(rows)
