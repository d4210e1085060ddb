"""The differences on which H1, H2 and H3 rest, of any metric, and alignment around fusions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd

from alignkit.analysis.questions import Answer
from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.choices import EVERY_PLACEMENT, in_turn
from alignkit.report.charts.theme import FAINT, INK, MARK, coloured
from alignkit.report.content import Content
from alignkit.report.formatting import p_text

_COLUMNS = [
    "hypothesis",
    "metric",
    "what",
    "value",
    "low",
    "high",
    "p",
    "p_adjusted",
    "verdict",
    "said",
]
_ABOUT = (
    "Estimates with their 95 % intervals; 0 is no difference. H1 compares the correlations with "
    "the score of two tasks, H2 that of other layers with that of the last, H3 alignment after a "
    "fusion with that before it, and with the same depth without a fusion. p, p corrected over "
    "all metrics and tasks, and the verdict stand beside each."
)
# Tables of each answer, the column of their estimates, and how a row is called.
_TABLES = {
    "h1": (("correlations", "difference", "{task} − {other}"),),
    "h2": (("against_last", "difference", "{task}, {rule} − last"),),
    "h3": (
        ("across", "change", "{task}, after − before"),
        ("against_none", "change", "{task}, with − without fusion"),
    ),
}


def hypotheses_chart(answers: Sequence[Answer], pictures: Sequence[str] = ()) -> Chart | None:
    """Return the tested differences of all answers; None where there are none."""
    parts = [part for answer in answers for part in _rows(answer)]
    rows = pd.DataFrame(parts, columns=_COLUMNS)
    rows = rows.dropna(subset=["value"]).reset_index(drop=True)
    if rows.empty:
        return None
    numbers = ["value", "low", "high", "p", "p_adjusted"]
    return Chart(
        "hypotheses",
        "Differences that are tested",
        _ABOUT,
        rows.astype(dict.fromkeys(numbers, float)),
        _drawing(list(rows["metric"])),
        (
            Selector("hypothesis"),
            Selector("metric", every="all metrics" if rows["metric"].nunique() > 1 else ""),
        ),
        Layout(panel=220, widest=520, most=1, beside=430, height=-26),
        names=("metric", "what"),
        pictures=pictures,
    )


def _rows(answer: Answer) -> Iterator[dict[str, Any]]:
    for table, column, what in _TABLES[answer.question]:
        for row in answer.rows[table]:
            yield {
                "hypothesis": answer.question.upper(),
                "metric": row["metric"],
                "what": what.format(**row),
                "value": row[column],
                **{name: row.get(name) for name in ("low", "high", "p", "p_adjusted", "verdict")},
                "said": _said(row),
            }


def _said(row: dict[str, Any]) -> str:
    """What stands beside an interval."""
    if row["p"] is None:
        return str(row.get("reason") or row["verdict"])
    corrected = f", {p_text(row['p_adjusted'])}" if row["p_adjusted"] is not None else ""
    return f"{p_text(row['p'])}{corrected}, {row['verdict']}"


def _drawing(metrics: Sequence[str]) -> Any:
    x = alt.X("value:Q", title="difference", scale=alt.Scale(padding=6), axis=alt.Axis(tickCount=5))
    y = alt.Y(
        "what:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=200)
    )
    told = [
        alt.Tooltip("hypothesis:N"),
        alt.Tooltip("metric:N"),
        alt.Tooltip("what:N", title="of"),
        alt.Tooltip("value:Q", title="difference", format="+.3f"),
        alt.Tooltip("low:Q", format="+.3f"),
        alt.Tooltip("high:Q", format="+.3f"),
        alt.Tooltip("said:N", title="p, corrected p, verdict"),
    ]
    zero = alt.Chart().mark_rule(color=FAINT, strokeDash=[3, 2]).encode(x=alt.datum(0))
    interval = alt.Chart().mark_rule(color=INK, strokeWidth=1.6).encode(x="low:Q", x2="high", y=y)
    estimate = (
        alt.Chart().mark_square(size=70, opacity=1, color=MARK).encode(x=x, y=y, tooltip=told)
    )
    beside = (
        alt.Chart(name="beside")
        .mark_text(align="left", dx=8, limit=220)
        .encode(x=alt.value("width"), y=y, text="said:N")
    )
    layered = alt.layer(zero, interval, estimate, beside, data=DATA)
    return (
        layered.properties(width=100, height=alt.Step(26))
        .facet(facet=panels_by("metric", metrics), columns=1)
        .resolve_scale(y="independent")
        .resolve_axis(x="independent", y="independent")
    )


def around_chart(
    answers: Sequence[Answer], content: Content, pictures: Sequence[str] = ()
) -> Chart | None:
    """Return alignment before and after fusions; None where H3 was not answered with values."""
    changes = next((a.data["changes"] for a in answers if a.question == "h3"), pd.DataFrame())
    if changes.empty or changes[["before", "after"]].isna().any(axis=1).all():
        return None
    keys = ["task", "metric", "placement"]
    means = changes.dropna(subset=["before", "after"]).groupby(keys, sort=False)
    means = means[["before", "after"]].mean().reset_index()
    rows = means.melt(keys, ["before", "after"], var_name="side", value_name="value")
    rows = in_turn(rows, content).sort_values(keys, kind="stable", ignore_index=True)
    names = [*content.look, *rows["placement"].astype(str)]
    return Chart(
        "around",
        "Alignment around fusions",
        "The mean over fusions and seeds of a placement, just before and just after a fusion.",
        rows[[*keys, "side", "value"]],
        _slopes(list(dict.fromkeys(names))),
        (Selector("task"), Selector("metric"), EVERY_PLACEMENT),
        Layout(panel=240, widest=420, most=1, beside=60, height=260),
        names=("placement",),
        told_by="side",
        pictures=pictures,
    )


def _slopes(names: list[str]) -> Any:
    x = alt.X(
        "side:N",
        title=None,
        sort=["before", "after"],
        scale=alt.Scale(type="point", padding=0.3),
        axis=alt.Axis(labelAngle=0, grid=False),
    )
    y = alt.Y("value:Q", title="alignment", scale=alt.Scale(zero=False))
    colour = alt.Color("placement:N", title=None, scale=alt.Scale(**coloured(names)))
    told = [alt.Tooltip("placement:N"), alt.Tooltip("side:N"), alt.Tooltip("value:Q", format=".3f")]
    lines = alt.Chart().mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour)
    points = alt.Chart().mark_circle(size=60).encode(x=x, y=y, color=colour, tooltip=told)
    return alt.layer(lines, points, data=DATA).properties(width=100, height=100)
