"""What the numbers say, in plain sentences: associations, never causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from alignkit.alignment.designs import name_of
from alignkit.analysis.score_noise import score_noise
from alignkit.errors import AlignkitError
from alignkit.metrics import resolve
from alignkit.report.content import Content, score_means
from alignkit.report.formatting import beyond_controls, p_text
from alignkit.report.score_noise import noise_sentences
from alignkit.report.within import groups_sentence, within_sentence
from alignkit.statistics.correlation.tasks import LIKELY_R
from alignkit.statistics.correlation.verdict import VERDICTS
from alignkit.statistics.requirements import MIN_UNITS


def question(content: Content, outcome: str | None) -> str:
    """Return the question of the report, and the runs that it covers."""
    if len(content.runs) == 1:
        return "The question: how aligned are the text and vision streams of this run?"
    placements = content.scores["placement"].nunique()
    seeds = _list([str(seed) for seed in sorted(set(content.scores["seed"]))])
    of = (
        f"{_count(len(content.runs), 'run')}: {_count(placements, 'placement')}, "
        f"{_count(len(content.tasks), 'task')}, "
        f"{'seed' if content.scores['seed'].nunique() == 1 else 'seeds'} {seeds}"
    )
    against = outcome or _list(sorted(set(content.scores["score"])))
    return (
        "The question: over placements of co-attention, is the alignment of the text and vision "
        f"streams associated with {against} on the {content.split} split? This report covers {of}."
    )


def score_sentences(content: Content) -> list[str]:
    """Return which placement scored best and worst, per task."""
    said = []
    for task, part in score_means(content.scores).dropna(subset=["mean"]).groupby("task"):
        best, worst = part.loc[part["mean"].idxmax()], part.loc[part["mean"].idxmin()]
        ends = ["highest", "lowest"]
        if content.lower_is_better(str(task)):
            best, worst, ends = worst, best, ends[::-1]
        score = best["score"]
        if len(part) > 1:
            said.append(
                f"{task}: the {ends[0]} {score} is {best['mean']:.3f} ({best['placement']}), the "
                f"{ends[1]} {worst['mean']:.3f} ({worst['placement']}). "
                + _lead(content, str(task), part, best)
            )
        else:
            said.append(f"{task}: {score} is {best['mean']:.3f} ({best['placement']}).")
    return said


def _lead(content: Content, task: str, means: pd.DataFrame, best: Any) -> str:
    """Return how far the best placement is ahead of the next, and in how many seeds."""
    lower = content.lower_is_better(task)
    others = means[means["placement"] != best["placement"]]
    following = others.sort_values("mean", ascending=lower, kind="stable").iloc[0]
    scores = content.scores[content.scores["task"] == task]
    by_seed = scores.pivot_table(index="seed", columns="placement", values="value")
    ahead = (by_seed[best["placement"]] - by_seed[following["placement"]]).dropna()
    ahead = -ahead if lower else ahead
    said = (
        f"{best['placement']} leads {following['placement']}, the next, by "
        f"{abs(best['mean'] - following['mean']):.3f}"
    )
    if len(ahead) < 2:
        return f"{said}, with one seed only: how sure this is cannot be said."
    return f"{said}, and in {int((ahead > 0).sum())} of {len(ahead)} seeds."


def answers(rows: pd.DataFrame, settings: Mapping[str, Any]) -> list[str]:
    """Return what the correlations say, per task, in the words of their verdicts."""
    return [
        _answer(str(task), part, str(settings["outcome"]))
        for task, part in rows.groupby("task", sort=False)
    ]


def _answer(task: str, rows: pd.DataFrame, outcome: str) -> str:
    testable = rows[rows["verdict"] != "not testable"]
    if testable.empty:
        reason = _first(rows, "reason")
        return (
            f"{task}: alignment cannot be tested against {outcome}"
            f"{f' ({reason})' if reason else ''}."
        )
    present = list(dict.fromkeys(rows["verdict"]))
    order = [v for v in VERDICTS if v in present] + [v for v in present if v not in VERDICTS]
    verdicts = "; ".join(
        f"{_named(verdict, rows)}: {_list(list(rows.loc[rows['verdict'] == verdict, 'metric']))}"
        for verdict in order
    )
    said = f"{task}, over {_units(testable)}: {verdicts}."
    known = testable.dropna(subset=["pearson"])
    if not known.empty:
        said += f" {_strongest(known.loc[known['pearson'].abs().idxmax()], outcome)}"
    said += _predictions(testable, outcome)
    if not set(present) & {"supported", "contradicted"} and set(testable["verdict"]) != {"absent"}:
        said += (
            " No association remains significant after correction; with so few units, this does "
            "not show that there is none."
        )
    return said


def _predictions(rows: pd.DataFrame, outcome: str) -> str:
    """Return which metrics predict units left out; the word is used nowhere else."""
    if "predicts" not in rows:
        return ""
    predicting = rows[rows["predicts"].eq(True)]
    told = [f"{row['metric']} (R² = {row['r2_left_out']:.2f})" for _, row in predicting.iterrows()]
    verb = "predicts" if len(told) == 1 else "predict"
    beyond = beyond_controls(rows["control"].iloc[0]) if "control" in rows else ""
    said = f" {_list(told)} {verb} the {outcome} of a unit from the other units{beyond}."
    return said if told else ""


def _named(verdict: str, rows: pd.DataFrame) -> str:
    """Return a verdict; absence with its margin."""
    return f"absent within ±{rows['margin'].max():g}" if verdict == "absent" else verdict


def _strongest(row: Any, outcome: str) -> str:
    interval = (
        "" if pd.isna(row["low"]) else f", 95 % interval {row['low']:+.2f} to {row['high']:+.2f}"
    )
    p = "" if pd.isna(row["p"]) else f", p {p_text(row['p'], sign=True)}"
    corrected = (
        ""
        if pd.isna(row["p_adjusted"])
        else f", corrected p {p_text(row['p_adjusted'], sign=True)}"
    )
    return (
        f"The strongest association with {outcome} is that of {row['metric']} "
        f"(r = {row['pearson']:+.2f}{interval}{p}{corrected})."
    )


def power_sentences(tasks: pd.DataFrame) -> list[str]:
    """Return how often a true association would be found, per task that can be tested."""
    return [
        f"{row['task']}: over {row['n']} units, a true correlation of {LIKELY_R:g} is found "
        f"with a probability of {row['power']:.2f} in a single test"
        + (
            f", and of {row['power_corrected']:.2f} when corrected for {row['tests']} tests."
            if row["tests"] > 1
            else "."
        )
        for _, row in tasks.dropna(subset=["power"]).iterrows()
    ]


def why_no_correlation(content: Content) -> str:
    """Return why a report has no correlation."""
    most = content.scores.groupby("task")["placement"].nunique().max()
    if len(content.runs) == 1:
        return "With a single run there is nothing to compare yet."
    if most < 3:
        return (
            f"No task has more than {_count(int(most), 'placement')}; a correlation over "
            f"placements needs three or more, a test {MIN_UNITS}."
        )
    return "This report contains no correlations; alignkit correlate computes them."


def why_no_rise(content: Content) -> list[str]:
    """Return that nothing is said of alignment across fusions; nothing where there are none."""
    placements = [indices for task in content.placements.values() for indices in task.values()]
    if not any(indices["text"] for indices in placements):
        return []
    return ["This report does not say; alignkit hypotheses --question h3 answers it."]


def warnings(content: Content, given: Sequence[str]) -> list[str]:
    """Return what a reader should know before trusting the numbers."""
    lines = [line.rstrip(".") for line in given]
    within, groups = content.options.within, content.options.groups
    lines += [within_sentence(name_of(within))] if within else []
    lines += [groups_sentence(name_of(groups))] if groups else []
    outcomes = dict(zip(content.scores["task"], content.scores["score"], strict=True))
    lines += noise_sentences(score_noise(content.runs, outcomes, content.split))
    lines += _missing_scores(content) + _about_samples(content) + _missing_metrics(content)
    lines += _other_versions(content)
    undefined = content.alignment[content.alignment["value"].isna()]
    for (task, metric), part in undefined.groupby(["task", "label"], sort=False):
        total = len(content.values(task, metric))
        reason = _first(part, "reason") or "no reason given"
        lines.append(
            f"{task}, {metric}: {len(part)} of {total} values are undefined (first: {reason})"
        )
    return list(dict.fromkeys(lines))


def _missing_scores(content: Content) -> list[str]:
    missing = content.scores[content.scores["value"].isna()]
    return [
        f"{task}: {_count(len(part), 'run')} not scored on {content.split}"
        for task, part in missing.groupby("task", sort=False)
    ]


def _other_versions(content: Content) -> list[str]:
    """Values of different versions of a metric follow different definitions."""
    lines = []
    for metric in content.metrics:
        table = content.alignment[content.alignment["label"] == metric]
        try:
            now = resolve(metric)
        except AlignkitError:  # the metric is not installed any more
            continue
        others = table[table["version"].astype(int) != now.version]
        if len(others):
            versions = " and ".join(map(str, sorted(set(others["version"].astype(int)))))
            lines.append(
                f"{metric}: {len(others)} of {len(table)} values are of version {versions} of the "
                f"metric, and the installed one is version {now.version}; `alignkit measure "
                f"--metric {metric}` measures them again"
            )
            continue
        edited = table[~table["code"].isin(["", now.code])]
        if now.code and len(edited):
            lines.append(
                f"{metric}: {len(edited)} of {len(table)} values are of other code of the metric "
                f"than is there now; `alignkit measure --metric {metric}` measures them again"
            )
    return lines


def _about_samples(content: Content) -> list[str]:
    """Alignment from different numbers of samples has different chance levels."""
    return [
        f"{task}, {metric}: measured on different numbers of samples "
        f"({_list([str(n) for n in sorted(set(part['n']))])}); such values should not be compared"
        for (task, metric), part in content.alignment.groupby(["task", "label"], sort=False)
        if part["n"].nunique() > 1
    ]


def _missing_metrics(content: Content) -> list[str]:
    runs = content.scores.groupby("task").size()
    lines = []
    for task in content.tasks:
        for metric in content.metrics:
            part = content.values(task, metric)
            have = len(part[["placement", "seed"]].drop_duplicates())
            if have < runs[task]:
                lines.append(f"{task}, {metric}: measured in only {have} of {runs[task]} runs")
    return lines


def _units(rows: pd.DataFrame) -> str:
    low, high = int(rows["n"].min()), int(rows["n"].max())
    runs = f"{int(rows['runs'].max())} runs" if "runs" in rows else ""
    n = str(low) if low == high else f"{low} to {high}"
    return f"{n} units" + (f" ({runs})" if runs else "")


def _first(rows: pd.DataFrame, column: str) -> str:
    if column not in rows:
        return ""
    given = [text for text in rows[column] if isinstance(text, str) and text]
    return given[0] if given else ""


def _list(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
