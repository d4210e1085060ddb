"""What a search found: the values of its trials, what its parameters do, and its Pareto front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import altair as alt
import pandas as pd

from alignkit.report.charts.chart import DATA, Chart, Layout, Selector, panels_by
from alignkit.report.charts.curves import RESULTS
from alignkit.report.charts.theme import BACK, FAINT, INK, MARK

# Whether a trial made runs, or took those of an earlier one.
OWN, REPEATED = "its own", "those of an earlier trial"
Objectives = Sequence[Mapping[str, str]]


def search_charts(
    found: Sequence[tuple[str, pd.DataFrame, Objectives, Mapping[str, pd.DataFrame]]],
    pictures: Sequence[str] = (),
) -> list[Chart]:
    """Return the charts of searches.

    Parameters
    ----------
    found : sequence of (str, DataFrame, sequence of mapping, mapping of str to DataFrame)
        What each is called, its trials, its objectives with their ``name`` and ``direction``, and
        its tables ``correlations`` and ``importances``.
    pictures : sequence of str
    """
    trials = [
        part for name, table, objectives, _ in found for part in _trials(name, table, objectives)
    ]
    effects = [part for name, _, _, tables in found for part in _effects(name, tables)]
    fronts = [
        part for name, table, objectives, _ in found for part in _fronts(name, table, objectives)
    ]
    made = []
    if trials:
        made.append(_trials_chart(pd.concat(trials, ignore_index=True), pictures))
    if effects:
        made.append(_effects_chart(pd.concat(effects, ignore_index=True)))
    if fronts:
        made.append(_fronts_chart(pd.concat(fronts, ignore_index=True)))
    return made


def _complete(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    numbers = table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in names})
    return numbers[numbers["state"] == "COMPLETE"].dropna(subset=list(names))


def _trials(name: str, table: pd.DataFrame, objectives: Objectives) -> Iterator[pd.DataFrame]:
    for objective in objectives:
        column = objective["name"]
        known = _complete(table, [column])
        up = objective["direction"] == "maximize"
        if len(known):
            yield pd.DataFrame(
                {
                    "results": name,
                    "objective": column,
                    "trial": known["number"].astype(int),
                    "value": known[column],
                    "best": known[column].cummax() if up else known[column].cummin(),
                    "kind": known["duplicate_of"].isna().map({True: OWN, False: REPEATED}),
                }
            )


def _trials_chart(rows: pd.DataFrame, pictures: Sequence[str]) -> Chart:
    x = alt.X("trial:Q", axis=alt.Axis(grid=False, tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, padding=8))
    told = [
        alt.Tooltip("trial:Q", format="d"),
        alt.Tooltip("value:Q", format=".4g"),
        alt.Tooltip("best:Q", title="best so far", format=".4g"),
        alt.Tooltip("kind:N", title="its runs"),
    ]
    best = (alt.Chart().mark_line(color=INK, strokeWidth=1.2, interpolate="step-after")).encode(
        x=x, y=alt.Y("best:Q")
    )
    points = (
        alt.Chart()
        .mark_point(size=44, opacity=1, stroke=MARK)
        .encode(
            x=x,
            y=y,
            fill=alt.condition(f"datum.kind === '{OWN}'", alt.value(MARK), alt.value(BACK)),
            tooltip=told,
        )
    )
    return Chart(
        "search",
        "Trials of the search",
        "The value of every complete trial, and the best so far as a line; an open point repeats "
        "the runs of an earlier trial.",
        rows,
        alt.layer(best, points, data=DATA).properties(width=100, height=100),
        (Selector("objective"), RESULTS),
        Layout(panel=300, widest=800, most=1, beside=60, height=260),
        names=("trial",),
        pictures=pictures,
    )


def _effects(name: str, tables: Mapping[str, pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for table, column, panel in (
        ("importances", "importance", "share of variance explained"),
        ("correlations", "spearman", "Spearman's ρ"),
    ):
        rows = tables[table]
        if len(rows):
            rows = rows.assign(
                results=name, panel=panel, value=pd.to_numeric(rows[column], errors="coerce")
            )
            names = ["results", "objective", "panel", "parameter", "value", "p_adjusted", "n"]
            yield rows.reindex(columns=names).dropna(subset=["value"])


def _effects_chart(rows: pd.DataFrame) -> Chart:
    x = alt.X("value:Q", title=None, axis=alt.Axis(tickCount=4))
    y = alt.Y("parameter:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False))
    told = [
        alt.Tooltip("parameter:N"),
        alt.Tooltip("panel:N", title="what"),
        alt.Tooltip("value:Q", format=".3f"),
        alt.Tooltip("p_adjusted:Q", title="p, Holm", format=".3f"),
        alt.Tooltip("n:Q", title="trials"),
    ]
    bars = alt.Chart().mark_bar(color=MARK, height={"band": 0.6}).encode(x=x, y=y, tooltip=told)
    zero = alt.Chart().mark_rule(color=FAINT).encode(x=alt.datum(0))
    layered = alt.layer(bars, zero, data=DATA).properties(width=100, height=alt.Step(24))
    drawing = (
        layered.facet(facet=panels_by("panel", list(rows["panel"])), columns=2)
        .resolve_scale(x="independent")
        .resolve_axis(x="independent")
    )
    return Chart(
        "search_parameters",
        "What the parameters do",
        "How much of the variance of the objective each parameter explains (fANOVA or a random "
        "forest), and their rank correlation; p is corrected over all of them (Holm).",
        rows.reset_index(drop=True),
        drawing,
        (Selector("objective"), RESULTS),
        Layout(panel=200, widest=420, most=2, beside=70, height=-24),
        names=("parameter",),
        told_by="panel",
    )


def _fronts(name: str, table: pd.DataFrame, objectives: Objectives) -> Iterator[pd.DataFrame]:
    for one, other in combinations(objectives, 2):
        names = [one["name"], other["name"]]
        known = _complete(table, names)
        if len(known):
            x, y = (
                known[each["name"]] * (1 if each["direction"] == "maximize" else -1)
                for each in (one, other)
            )
            beaten = [
                bool(((x >= a) & (y >= b) & ((x > a) | (y > b))).any())
                for a, b in zip(x, y, strict=True)
            ]
            yield pd.DataFrame(
                {
                    "results": name,
                    "objectives": f"{names[1]} against {names[0]}",
                    "trial": known["number"].astype(int),
                    "first": known[names[0]],
                    "second": known[names[1]],
                    "front": ["beaten" if each else "on the front" for each in beaten],
                }
            )


def _fronts_chart(rows: pd.DataFrame) -> Chart:
    x = alt.X("first:Q", title=None, scale=alt.Scale(zero=False, padding=10))
    y = alt.Y("second:Q", title=None, scale=alt.Scale(zero=False, padding=10))
    on = "datum.front === 'on the front'"
    points = (
        alt.Chart()
        .mark_point(size=60, opacity=1, stroke=MARK)
        .encode(
            x=x,
            y=y,
            fill=alt.condition(on, alt.value(MARK), alt.value(BACK)),
            tooltip=[
                alt.Tooltip("trial:Q", format="d"),
                alt.Tooltip("first:Q", format=".4g"),
                alt.Tooltip("second:Q", format=".4g"),
                alt.Tooltip("front:N"),
            ],
        )
    )
    line = (
        alt.Chart()
        .transform_filter(on)
        .mark_line(color=FAINT, strokeWidth=1)
        .encode(x=x, y=y, order="first:Q")
    )
    return Chart(
        "search_front",
        "Pareto front",
        "Every trial by two objectives, the one upwards against the other to the right; filled are "
        "those that no other beats in both.",
        rows,
        alt.layer(line, points, data=DATA).properties(width=100, height=100),
        (Selector("objectives"), RESULTS),
        Layout(panel=300, widest=560, most=1, beside=70, height=300),
        value="second",
        names=("trial",),
        told=("front", "on the front"),
    )
