"""Performance of many runs as one tidy table, and the direction of an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignkit.chain.extra_scores import choose_score, is_extra_score
from alignkit.errors import DataError, UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.config import fingerprint_once
from alignkit.runs.inputs import change_of_scores
from alignkit.runs.units import unit_labels
from alignkit.tasks.score import named_like_a_loss

if TYPE_CHECKING:
    import pandas as pd


def outcome_sign(outcome: str, runs: Sequence[Run] = ()) -> int:
    """Return 1 where higher values of an outcome are better, -1 where lower values are.

    Every analysis asks here. The runs' task declares the direction of its scores; without
    runs, a name with a word such as loss, error, perplexity or nll means lower.

    Parameters
    ----------
    outcome : str
        A score or ``loss``.
    runs : sequence of Run
        Those that the outcome was read from, of one task.
    """
    for run in runs:
        if run.performance_file.is_file():
            return 1 if run.higher_is_better(outcome) else -1
    return -1 if named_like_a_loss(outcome) else 1


def scores_table(
    runs: Sequence[Run], outcome: str | None, split: str, reporter: Reporter = SILENT
) -> pd.DataFrame:
    """Score runs on a split; scores that are stored already are read.

    Parameters
    ----------
    runs : sequence of Run
    outcome : str or None
        A score or ``loss``; each task's primary score when None.
    split : str

    Returns
    -------
    DataFrame
        One row per run: ``task``, ``placement``, ``seed``, ``unit`` (its placement, with the
        options in which runs of the placement differ), ``run`` (its path), ``outcome`` (its
        name) and ``score``. The score is missing, with a note, for a run
        that cannot be scored, and for one that does not have the outcome.

    Raises
    ------
    UsageError
        When no run has the outcome.
    """
    with fingerprint_once():
        return _scores_table(runs, outcome, split, reporter)


def _scores_table(
    runs: Sequence[Run], outcome: str | None, split: str, reporter: Reporter
) -> pd.DataFrame:
    import pandas as pd

    if outcome is not None and is_extra_score(outcome):
        outcome = choose_score(outcome).name
    units = unit_labels(runs, "variant")
    rows: list[dict[str, Any]] = []
    known: dict[str, None] = {}
    failures: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        scores: dict[str, float] = {}
        try:
            scores = _scores(run, outcome, split, reporter)
        except DataError as error:
            failures.setdefault((run.task, str(error)), []).append(run)
        known |= dict.fromkeys(scores)
        name = outcome or str(run.performance()["primary"])
        rows.append(
            {
                "task": run.task,
                "placement": run.placement,
                "seed": run.seed,
                "unit": units[run.path],
                "run": str(run.path),
                "outcome": name,
                "score": float(scores.get(name, float("nan"))),
            }
        )
    for (task, why), unscored in failures.items():
        every = len(unscored) == sum(run.task == task for run in runs)
        which = task if every else ", ".join(str(run.path) for run in unscored)
        reporter.note(f"note: {which} has no score on {split}: {why}")
    names = [name for name in known if name != "n"]
    if outcome is not None and names and outcome not in names:
        others = ", like every other run," if len(runs) > 1 else ""
        raise UsageError(
            f"{runs[0].path}{others} has no outcome '{outcome}'; it has: {', '.join(names)}"
        )
    return pd.DataFrame(rows)


def scores_by_run(
    runs: Sequence[Run], scores: Sequence[Mapping[str, float]], split: str
) -> list[dict[str, Any]]:
    """Return one row per run: what it is, and all its scores on a split."""
    return [
        {
            "task": run.task,
            "placement": run.placement,
            "seed": run.seed,
            "split": split,
            **own,
            "run": str(run.path),
        }
        for run, own in zip(runs, scores, strict=True)
    ]


def scores_by_unit(
    runs: Sequence[Run], scores: Sequence[Mapping[str, float]], unit: str
) -> pd.DataFrame:
    """Return every score as its mean over the runs of a unit.

    Parameters
    ----------
    runs : sequence of Run
    scores : sequence of mapping of str to float
        Of each run: its scores, its loss, and its number of samples ``n``.
    unit : str
        Of ``unit_labels``.

    Returns
    -------
    DataFrame
        One row per ``task``, ``unit`` and ``score``: ``mean``, ``sd`` (over runs, missing for
        one), ``runs`` (that have the score), and ``n``, their number of samples, missing where
        it differs.

    Raises
    ------
    UsageError
        When runs of one placement that differ in their options would be averaged.
    """
    import pandas as pd

    labels = unit_labels(runs, unit)
    table = pd.DataFrame(
        [
            {"task": r.task, "unit": labels[r.path], "score": k, "value": v, "n": own.get("n")}
            for r, own in zip(runs, scores, strict=True)
            for k, v in own.items()
            if k != "n"
        ],
        columns=["task", "unit", "score", "value", "n"],
    )
    grouped = table.groupby(["task", "unit", "score"], sort=False)
    means = grouped["value"].agg(mean="mean", sd="std", runs="count")
    means["n"] = grouped["n"].agg(lambda given: given.iloc[0] if given.nunique() == 1 else None)
    return means.reset_index()


def _scores(run: Run, outcome: str | None, split: str, reporter: Reporter) -> dict[str, float]:
    """Return the stored scores of a run; score it where there are none, or they are stale.

    It is scored, too, for an outcome that a plugin adds and that is not stored.
    """
    stored = run.scores(split)
    added = outcome is not None and outcome not in stored and is_extra_score(outcome)
    if stored and not added and not change_of_scores(run, split):
        return stored
    from alignkit.chain.evaluate import evaluate  # with torch, which takes seconds to import

    if outcome is not None and added:
        return evaluate(run, split, reporter=reporter, extra=[outcome])
    return evaluate(run, split, reporter=reporter)
