"""Write the page: figures first, then HTML and Markdown around them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.content import (
    Content,
    answers,
    equal_depth_values,
    gather,
    grid_means,
    score_sentences,
)
from alignkit.report.depth import depth_curves
from alignkit.report.heatmap import heatmaps
from alignkit.report.scatter import p_text, scatter
from alignkit.report.style import png, svg
from alignkit.report.training import training_curves
from alignkit.runs import Run
from alignkit.runs.files import whole_file, write_csv, write_json, write_text


@dataclass(frozen=True)
class Shown:
    """A figure on the page: its file name, what it shows, and its bytes."""

    name: str
    title: str
    caption: str
    picture: str

    @property
    def source(self) -> str:
        """The picture as a data address, so that the page needs no other file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.picture.encode()).decode()


def write_report(
    runs: Sequence[Run],
    folder: str | Path,
    *,
    correlations: Any = None,
    table: pd.DataFrame | None = None,
    metrics: Sequence[str] | None = None,
    split: str = "test",
    pool: str = "cls",
    title: str = "Alignment and performance",
) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` from measured runs.

    Parameters
    ----------
    runs : sequence of Run
        Measured and scored.
    folder : path
    correlations : alignkit.statistics.Correlations, optional
    table : DataFrame, optional
        The rows of runs that were correlated, for the small dots.
    metrics : sequence of str, optional
        Specs; everything that was measured when None.
    split, pool, title : str

    Returns
    -------
    Path
        Of ``report.html``, which needs no other file.
    """
    folder = Path(folder)
    content = gather(runs, metrics, split, pool)
    figures = _Figures(folder / "figures")
    sections = [_section(content, task, figures, correlations, table) for task in content.tasks]
    found = correlations.table if correlations is not None else None
    facts = {
        "title": title, "split": split, "pool": pool, "sections": sections,
        "answers": answers(found, correlations.settings) if found is not None else [],
        "score_sentences": score_sentences(content.scores, split),
        "scores": _score_rows(content.scores),
        "correlations": [] if found is None else [_row(row) for _, row in found.iterrows()],
        "warnings": correlations.warnings if correlations is not None else [],
        "settings": _settings(content, correlations),
        "versions": runs[0].stored.get("versions", {}),
        "metrics": _metric_rows(content), "runs": [str(run.path) for run in content.runs],
    }  # fmt: skip
    write_text(folder / "report.md", _render("report.md.j2", facts))
    write_json(folder / "settings.json", facts["settings"])
    page = folder / "report.html"
    write_text(page, _render("report.html.j2", facts))
    return page


class _Figures:
    """Writes each figure as SVG and PNG with the CSV of its data beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, figure: Figure, data: pd.DataFrame, title: str, caption: str) -> Shown:
        picture = svg(figure)
        write_text(self.folder / f"{name}.svg", picture)
        with whole_file(self.folder / f"{name}.png") as temporary:
            temporary.write_bytes(png(figure))
        write_csv(self.folder / f"{name}.csv", _safe(data))
        return Shown(name, title, caption, picture)


def _section(
    content: Content, task: str, figures: _Figures, correlations: Any, table: pd.DataFrame | None
) -> dict[str, Any]:
    """Everything about one task."""
    shown = []
    if correlations is not None:
        placements = list(content.placements[task])
        shown.append(_scatter(task, placements, figures, correlations, table))
    for metric in content.metrics:
        shown += _of_metric(content, task, metric, figures)
    history = content.history[content.history["task"] == task]
    figure = training_curves(history, history["score"].iloc[0])
    shown.append(figures.add(
        f"{_file(task)}-training", figure, history, "Training",
        "Validation score by epoch, mean over seeds. Epoch 0 is the untrained model; the weights "
        "of the best epoch are kept.",
    ))  # fmt: skip
    return {"task": task, "figures": shown}


def _scatter(
    task: str,
    placements: Sequence[str],
    figures: _Figures,
    correlations: Any,
    table: pd.DataFrame | None,
) -> Shown:
    rows = correlations.table[correlations.table["task"] == task]
    order = [*placements, *correlations.units["unit"].unique()]
    units = correlations.units[correlations.units["task"] == task]
    runs = None if table is None else table[table["task"] == task]
    outcome = correlations.settings["outcome"]
    units = units.sort_values("unit", key=lambda names: names.map(order.index), kind="stable")
    return figures.add(
        f"{_file(task)}-scatter", scatter(units, runs, rows, outcome), units,
        "Alignment against performance",
        f"Each large point is a unit (the mean over seeds), each small dot a run. The line is a "
        f"least-squares fit; p is a permutation p over units. Outcome: {outcome}.",
    )  # fmt: skip


def _of_metric(content: Content, task: str, metric: str, figures: _Figures) -> list[Shown]:
    placements = content.placements[task]
    by_depth = equal_depth_values(content, task, metric)
    grid = grid_means(content, task, metric)
    shown = []
    if not by_depth.empty:
        shown.append(figures.add(
            f"{_file(task)}-{_file(metric)}-depth", depth_curves(by_depth, placements, metric),
            by_depth, f"{metric} by depth",
            "Text layer i against vision layer i; other placements in grey, chance dotted where "
            "it is known. A fusion marked between two layers stands between them.",
        ))  # fmt: skip
    if grid["x"].nunique() > 1 and grid["y"].nunique() > 1:
        shown.append(figures.add(
            f"{_file(task)}-{_file(metric)}-layers", heatmaps(grid, placements, metric), grid,
            f"{metric} layer by layer",
            "Every text site against every vision site, mean over seeds; the state after each "
            "fusion (f0, f1, ...) is marked by a dotted line. Grey: undefined.",
        ))  # fmt: skip
    return shown


def _score_rows(scores: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for _, row in scores.iterrows():
        sd = "" if pd.isna(row["sd"]) else f" ± {row['sd']:.3f}"
        value = "not scored" if pd.isna(row["mean"]) else f"{row['mean']:.3f}{sd}"
        rows.append({"task": row["task"], "placement": row["placement"], "score": row["score"],
                     "value": value, "seeds": int(row["seeds"])})  # fmt: skip
    return rows


def _row(row: Any) -> dict[str, str]:
    def number(name: str) -> str:
        return "" if pd.isna(row[name]) else f"{row[name]:+.2f}"

    def p(name: str) -> str:
        return "" if pd.isna(row[name]) else p_text(row[name])

    interval = f"{number('low')} to {number('high')}" if number("low") else ""
    return {
        "task": row["task"], "metric": row["metric"], "direction": row["direction"],
        "n": str(row["n"]), "runs": str(row["runs"]), "r": number("pearson"),
        "interval": interval, "rho": number("spearman"), "p": p("p"),
        "adjusted": p("p_adjusted"), "family": row["family"], "without": number("without_none"),
        "verdict": row["verdict"] + (f" ({row['reason']})" if row["reason"] else ""),
    }  # fmt: skip


def _metric_rows(content: Content) -> list[dict[str, str]]:
    from alignkit.metrics import resolve

    rows = []
    for label in content.metrics:
        metric = resolve(label)
        part = content.alignment[content.alignment["label"] == label]
        chance = part["chance"].dropna()
        span = f"{chance.min():.3f} to {chance.max():.3f}" if len(chance) else "not known"
        counts = ", ".join(str(n) for n in sorted(set(part["n"])))
        rows.append({
            "metric": label, "range": f"{metric.range[0]:g} to {metric.range[1]:g}",
            "best": f"{metric.best:g}", "chance": span, "n": counts,
            "paper": str(metric.declared.get("paper", "")),
        })  # fmt: skip
    return rows


def _settings(content: Content, correlations: Any) -> dict[str, Any]:
    first = content.runs[0].stored
    shared = {"training": first["training"], "architecture": first["architecture"]}
    same = all({key: run.stored[key] for key in shared} == shared for run in content.runs)
    chosen: dict[str, Any] = dict(correlations.settings) if correlations is not None else {}
    return chosen | (shared if same else {"training": "differs between runs, see config.json"})


def _render(name: str, facts: dict[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("alignkit.report"), trim_blocks=True, lstrip_blocks=True,
        autoescape=name.endswith(".html.j2"), undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["cell"] = _markdown_cell
    return environment.get_template(name).render(facts)


def _markdown_cell(value: Any) -> str:
    """Text that cannot break out of a Markdown table or start HTML."""
    text = str(value).replace("\n", " ")
    for mark in "\\|<>`*_[]":
        text = text.replace(mark, f"\\{mark}")
    return text


def _safe(data: pd.DataFrame) -> pd.DataFrame:
    """Keep a spreadsheet from taking text for a formula."""
    data = data.copy()
    for column in data.columns:
        if not pd.api.types.is_numeric_dtype(data[column]):
            data[column] = [
                f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@" and cell else cell
                for cell in data[column]
            ]
    return data


def _file(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._=" else "-" for c in name)
