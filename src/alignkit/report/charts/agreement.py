"""How far metrics agree, as one map of all pairs of them."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from alignkit.analysis.agreement import MetricAgreement
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector

_MEASURES = {
    "spearman": "Spearman, all values",
    "pearson": "Pearson, all values",
    "within": "Spearman within runs, mean",
}


def agreement_chart(agreement: MetricAgreement) -> Chart | None:
    """Return the correlations between metrics; None where none is defined."""
    pairs = agreement.pairs
    both = pd.concat([pairs, pairs.rename(columns={"a": "b", "b": "a"})], ignore_index=True)
    rows = pd.concat(
        [
            both[["a", "b", "n", "runs"]].assign(measure=said, value=both[name])
            for name, said in _MEASURES.items()
        ],
        ignore_index=True,
    ).dropna(subset=["value"])
    if rows.empty:
        return None
    order = agreement.correlations.metrics
    return Chart(
        "agreement",
        "Agreement between metrics",
        f"Correlation of every metric with every other over pairs of layers. {agreement.sentence}",
        rows[["measure", "a", "b", "value", "n", "runs"]],
        _drawing([str(name) for name in order]),
        (Selector("measure", "correlation"),),
        Layout(panel=200, widest=620, most=1, beside=120, height=-30),
        names=("a", "b"),
    )


def _drawing(metrics: list[str]) -> Any:
    x = alt.X("a:N", title=None, sort=metrics, axis=alt.Axis(labelAngle=-40))
    y = alt.Y("b:N", title=None, sort=metrics)
    colour = alt.Color(
        "value:Q", title=None, scale=alt.Scale(scheme="blueorange", domain=[-1, 1], reverse=True)
    )
    told = [
        alt.Tooltip("a:N", title="metric"),
        alt.Tooltip("b:N", title="and"),
        alt.Tooltip("value:Q", title="correlation", format="+.3f"),
        alt.Tooltip("n:Q", title="pairs of layers"),
        alt.Tooltip("runs:Q"),
    ]
    cells = alt.Chart().mark_rect().encode(x=x, y=y, color=colour, tooltip=told)
    numbers = (
        alt.Chart()
        .mark_text(fontSize=10)
        .encode(
            x=x,
            y=y,
            text=alt.Text("value:Q", format=".2f"),
            color=alt.condition(
                "abs(datum.value) > 0.6", alt.value("#ffffff"), alt.value("#222222")
            ),
        )
    )
    return alt.layer(cells, numbers, data=DATA)
