"""What a comparison shows, in sentences: for the terminal, the page and notebooks alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignkit.alignment.designs import shown_name
from alignkit.analysis.comparison.compare import Measured
from alignkit.metrics import resolve
from alignkit.report.comparison.rows import Row, best_rows, pairs_of
from alignkit.report.formatting import p_text
from alignkit.report.within import groups_sentence, unknown_chance, within_sentence

ALPHA = 0.05
# Of more pairs of models than this, only what they have in common is said.
MOST_TOLD = 4


def title(measured: Measured) -> str:
    """Return what was compared, as a heading."""
    pairs = pairs_of(measured)
    if len(pairs) == 1:
        return f"{pairs[0][0]} against {pairs[0][1]}"
    left, right = (list(dict.fromkeys(side)) for side in zip(*pairs, strict=True))
    if set(left) & set(right):
        return f"{len(set(left) | set(right))} models, each against each"
    return f"{len(left)} model{'s' * (len(left) > 1)} against {len(right)}"


def sample_lines(measured: Measured) -> list[str]:
    """Say how many samples there are, how they were joined, and what was left out."""
    joined = measured.joined
    n = int(measured.best["n"].max())
    how = "joined by id" if joined.by_id else "rows taken in their order"
    seen = [name for name in dict.fromkeys(measured.models["data"]) if name]
    of = f" of {' and '.join(seen)}" if seen else ""
    drawn = f" drawn at random of {joined.n:,}" if measured.options.measure.samples else ""
    lines = [f"{n:,} samples{drawn if n < joined.n else ''}{of}, {how}."]
    for label, count in joined.left_out.items():
        lines.append(
            f"{count:,} of the {joined.n + count:,} samples of {label} are left out: they are not "
            "in every model."
        )
    lines += [
        f"{label} has no sample ids: its rows are taken to be in the order of the others."
        for label in joined.without_ids
    ]
    return lines


def result_lines(measured: Measured) -> list[str]:
    """Say what the best pair of layers of every pair of models is, and what the controls reach."""
    rows = best_rows(measured)
    lines = []
    for spec, within in dict.fromkeys((row["spec"], row["within"]) for row in rows):
        some = [row for row in rows if (row["spec"], row["within"]) == (spec, within)]
        if len(some) > MOST_TOLD:
            lines += summary_sentences(some)
            continue
        for row in some:
            lines += [best_sentence(row), *control_sentences(row)]
    return lines


def summary_sentences(rows: Sequence[Row]) -> list[str]:
    """Say what the best pairs of layers of many pairs of models have in common."""
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return [f"{rows[0]['spec']} is undefined for all {len(rows)} pairs of models."]
    up = resolve(rows[0]["spec"]).higher_is_better
    ordered = sorted(known, key=lambda row: float(row["value"]), reverse=up)
    lines = [
        f"Of {len(rows):,} pairs of models, {ordered[0]['a']} and {ordered[0]['b']} align most "
        f"({measure(ordered[0])} {_value(ordered[0])}), {ordered[-1]['a']} and "
        f"{ordered[-1]['b']} least ({_value(ordered[-1])})."
    ]
    tested = [row for row in known if row["p"] is not None]
    if tested:
        small = sum(row["p"] <= ALPHA for row in tested)
        lines.append(
            f"The best pair of layers is better than that of permuted samples (p <= {ALPHA}) in "
            f"{small:,} of {len(tested):,}; p is not corrected for the number of pairs of models."
        )
    for side in ("a", "b"):
        controls = [row[f"random_{side}"] for row in rows if row[f"random_{side}"] is not None]
        reached = [row["value"] for row in controls if row["value"] is not None]
        if reached:
            lines.append(
                f"With random weights in place of those of {side}, the best pairs reach "
                f"{number(min(reached))} to {number(max(reached))}."
            )
    return lines


def best_sentence(row: Row) -> str:
    """Say where two models align best, with interval, chance and the null of maxima."""
    names, place = f"{row['a']} and {row['b']}", f"{layer(row, 'a')} and {layer(row, 'b')}"
    if row["value"] is None:
        return f"{names}: {measure(row)} is undefined ({row['reason']})."
    said = f"{names} align best at {place}: {measure(row)} {_value(row)}"
    known = []
    if row["chance"] is not None:
        known.append(f"chance {number(row['chance'])}")
    known.append(f"identical input {number(row['identical'])}")
    said += f"; {', '.join(known)}."
    if row["p"] is not None:
        above = "better than" if row["p"] <= ALPHA else "not better than"
        spread = "" if row["null_std"] is None else f" ± {number(row['null_std'])}"
        said += (
            f" The best of {row['pairs']:,} pairs is {above} that of permuted samples "
            f"({number(row['null_mean'])}{spread}, {row['permutations']:,} permutations): "
            f"p {p_text(row['p'], sign=True)}."
        )
    return said


def control_sentences(row: Row) -> list[str]:
    """Say what the best pair reaches with random weights in place of either model's own."""
    lines = []
    for side in ("a", "b"):
        control = row[f"random_{side}"]
        if control is None:
            continue
        reached = (
            f"it is undefined ({control['reason']})"
            if control["value"] is None
            else f"the best pair reaches {_value(control)} at {layer(control, 'a')} and "
            f"{layer(control, 'b')}"
        )
        lines.append(f"With random weights in place of those of {row[side]}, {reached}.")
    return lines


def note_lines(measured: Measured) -> list[str]:
    """Return what a reader should know: warnings of metrics, classes, groups, and chance."""
    rows = measured.values.astype(object).where(measured.values.notna(), None)
    records: Sequence[Mapping[str, Any]] = rows.to_dict(orient="records")
    lines = [row["warning"] for row in records if row["warning"]]
    lines += [within_sentence(row["within"]) for row in records if row["within"]]
    lines += [groups_sentence(row["groups"]) for row in records if row["groups"]]
    return list(dict.fromkeys([*lines, *unknown_chance(records)]))


def measure(row: Row) -> str:
    """Return the metric, and the classes that it is measured within."""
    return " within ".join(filter(None, (row["spec"], shown_name(row["within"]))))


def layer(row: Row, side: str) -> str:
    """Return the layer of a side with its pooling."""
    name, pool = row[{"a": "x", "b": "y"}[side]], row[f"{side}_pool"]
    return f"{name} ({pool})" if pool else str(name)


def number(value: float | None) -> str:
    """Return a value of a metric as text: three places, more where it is small."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.0005 or not value else f"{value:.1e}"


def interval(row: Row) -> str:
    """Return the 95 % interval as text; empty where there is none."""
    return "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"


def _value(row: Row) -> str:
    around = interval(row)
    return f"{number(row['value'])} (95 % {around})" if around else number(row["value"])
