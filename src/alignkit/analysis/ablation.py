"""Ablations: runs that differ in one option alone, paired by task, placement and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alignkit.analysis.options import TableOptions
from alignkit.analysis.over_placements import sign_flip_row
from alignkit.analysis.questions.verdicts import with_verdicts
from alignkit.analysis.runs_table import MeasuredRuns
from alignkit.analysis.scores import outcome_sign
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import differing_besides, option_values, values_in_order
from alignkit.statistics.attainable import least_units_to_flip

if TYPE_CHECKING:
    import pandas as pd

# What training from scratch, or without something, is called: the natural thing to compare with.
WITHOUT = ("none", "false", "0")
_PAIR = ["task", "placement", "rest", "seed"]
_FAMILY = ["task", "outcome", "value"]


@dataclass(frozen=True)
class Ablation(Tabled):
    """What the values of one option change, all else being equal.

    Attributes
    ----------
    pairs : DataFrame
        One row per task, outcome, value, placement and seed that runs with the value and runs
        with the reference share: ``score``, ``reference_score``, ``difference``.
    placements : DataFrame
        The same over seeds: ``seeds``, ``mean``, ``sd``, ``reference_mean``, ``reference_sd``,
        ``difference``, ``difference_sd``.
    differences : DataFrame
        Tests of the mean difference over placements, one row per task, outcome and value.
    rankings : DataFrame
        Whether the ranking of placements under the reference predicts that under the value:
        ``spearman`` with its interval and test, and the ``best`` placement under each.
    settings : dict
        With ``option`` and ``reference``.
    """

    pairs: pd.DataFrame
    placements: pd.DataFrame
    differences: pd.DataFrame
    rankings: pd.DataFrame
    settings: dict[str, Any]

    shown: ClassVar = ("placements", "differences", "rankings")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per pair of runs."""
        return {
            "pairs": self.pairs,
            "placements": self.placements,
            "differences": self.differences,
            "rankings": self.rankings,
        }


def ablate(
    runs: Sequence[Run],
    option: str,
    options: TableOptions,
    *,
    reference: str | None = None,
    permutations: int = 9999,
    reporter: Reporter = SILENT,
) -> Ablation:
    """Compare runs that differ in one option, paired by task, placement and seed.

    Parameters
    ----------
    runs : sequence of Run
    option : str
        Such as ``pretraining``, ``pretraining.objectives``, ``head`` or ``learning_rate``.
    options : TableOptions
        The outcome, and metrics whose alignment is compared as well; none need be named.
    reference : str, optional
        The value that the others are compared with: by default ``none`` or ``false`` where
        there is such a value, else the first.
    permutations : int
        Combinations of signs, and orders of placements, where there are too many to enumerate.
    reporter : Reporter

    Raises
    ------
    UsageError
        When all runs have one value, no run has the reference, or no two runs are a pair.
    """
    import pandas as pd

    check_count("permutations", permutations, 1)
    values = option_values(runs, option)
    known = values_in_order(values.values())
    reference = _reference(known, option, reference)
    rest = differing_besides(runs, option)
    table = _outcomes(runs, options, reporter)
    paths = {str(run.path): run.path for run in runs}
    table["value"] = [values[paths[run]] for run in table["run"]]
    table["rest"] = [rest[paths[run]] for run in table["run"]]
    pairs = _pairs(table, reference)
    if pairs.empty:
        others = sorted({name for names in rest.values() for name in names.split(", ") if name})
        raise UsageError(
            f"no two runs of one task, placement and seed differ in {option} alone"
            + (f"; they also differ in {', '.join(_names(others))}" if others else "")
        )
    _say_unpaired(table, pairs, reference, option, reporter)
    order = [value for value in known if value in set(pairs["value"])]
    pairs["value"] = pd.Categorical(pairs["value"], order)
    pairs = pairs.sort_values(["value"], kind="stable").astype({"value": str})
    placements = _by_placement(pairs)
    settings = {
        "option": option,
        "reference": reference,
        "split": options.split,
        "layer": options.layer,
        "permutations": permutations,
        "seed": options.seed,
    }
    return Ablation(
        pairs.reset_index(drop=True),
        placements,
        _differences(placements, permutations, options.seed),
        _rankings(placements, runs, permutations, options.seed),
        settings,
    )


def _reference(known: Sequence[str], option: str, given: str | None) -> str:
    if len(known) < 2:
        raise UsageError(
            f"{option} is {known[0]} in all of these runs; an ablation needs runs with two values "
            "or more"
        )
    if given is None:
        return next((value for value in known if value in WITHOUT), known[0])
    if given not in known:
        raise UsageError(f"`reference` is '{given}', but {option} is {', '.join(known)}")
    return given


def _names(conditions: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(condition.partition("=")[0] for condition in conditions))


def _outcomes(runs: Sequence[Run], options: TableOptions, reporter: Reporter) -> pd.DataFrame:
    """Return the score and the alignment of every run: one row per run and outcome."""
    import pandas as pd

    measured = MeasuredRuns(runs, options, reporter)
    scores = measured.scores[["task", "placement", "seed", "run", "outcome", "score"]]
    parts = [scores]
    if options.metrics:
        alignment = measured.values()
        for metric in alignment:
            values = alignment[metric].reindex(scores["run"]).to_numpy(float)
            parts.append(scores.assign(outcome=metric, score=values))
    return pd.concat(parts, ignore_index=True).dropna(subset=["score"])


def _pairs(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Join every run with that of the reference that shares all else."""
    keys = [*_PAIR, "outcome"]
    means = table.groupby([*keys, "value"], sort=False)["score"].mean().reset_index()
    base = means[means["value"] == reference].drop(columns="value")
    others = means[means["value"] != reference]
    pairs = others.merge(base.rename(columns={"score": "reference_score"}), on=keys)
    return pairs.assign(difference=pairs["score"] - pairs["reference_score"])


def _say_unpaired(
    table: pd.DataFrame, pairs: pd.DataFrame, reference: str, option: str, reporter: Reporter
) -> None:
    def found(part: pd.DataFrame) -> set[tuple[Any, ...]]:
        return set(part[_PAIR].itertuples(index=False, name=None))

    lost = len(found(table) - found(pairs))
    if lost:
        reporter.note(
            f"note: {lost} placement(s) and seed(s) without a run with {option}={reference} and "
            "another that is equal in all else are left out"
        )


def _by_placement(pairs: pd.DataFrame) -> pd.DataFrame:
    grouped = pairs.groupby([*_FAMILY, "placement"], sort=False)
    table = grouped.agg(
        seeds=("seed", "nunique"),
        mean=("score", "mean"),
        sd=("score", "std"),
        reference_mean=("reference_score", "mean"),
        reference_sd=("reference_score", "std"),
        difference=("difference", "mean"),
        difference_sd=("difference", "std"),
    )
    return table.reset_index()


def _differences(placements: pd.DataFrame, permutations: int, seed: int) -> pd.DataFrame:
    """Test the mean difference over placements; one sign per placement for all tests."""
    import pandas as pd

    from alignkit.statistics.fusions import sign_flips

    names = sorted(placements["placement"].unique())
    signs, exact = sign_flips(len(names), permutations, seed)
    made = []
    for key, part in placements.groupby(_FAMILY, sort=False):
        places = [names.index(name) for name in part["placement"]]
        row, test = sign_flip_row(part["difference"].to_numpy(float), signs[:, places], exact)
        own: dict[str, Any] = dict(zip(_FAMILY, key, strict=True))
        own |= {name: float(part[name].mean()) for name in ("mean", "reference_mean")}
        own |= {"higher": int((part["difference"] > 0).sum())}
        row["difference"] = _rounded(row.pop("change"))
        row["detects"] = "a difference of one standard deviation"
        made.append((own | row, test))
    rows = with_verdicts(
        [row for row, _ in made],
        tests=[test for _, test in made],
        needed=lambda tests: least_units_to_flip(tests, joint=True),
    )
    return pd.DataFrame(rows)


def _rankings(
    placements: pd.DataFrame, runs: Sequence[Run], permutations: int, seed: int
) -> pd.DataFrame:
    """Correlate the ranks of placements under the reference and under each other value."""
    import pandas as pd
    from scipy.stats import rankdata

    from alignkit.statistics.association import associate

    rows: list[dict[str, Any]] = []
    for key, part in placements.groupby(_FAMILY, sort=False):
        own: dict[str, Any] = dict(zip(_FAMILY, key, strict=True))
        sign = _sign(own["outcome"], [run for run in runs if run.task == own["task"]])
        ranks = [rankdata(-sign * part[name]) for name in ("reference_mean", "mean")]
        found = associate(ranks[0], ranks[1], permutations, seed)
        names = list(part["placement"])
        best: dict[str, Any] = {
            column: names[int(np.argmin(rank))]
            for column, rank in zip(("best_reference", "best"), ranks, strict=True)
        }
        rows.append(
            own
            | {
                "placements": found.n,
                "spearman": _rounded(found.pearson),  # Pearson's of ranks
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "least_p": found.least_p,
                "reason": found.reason,
            }
            | best
        )
    return pd.DataFrame(with_verdicts(rows, directed="spearman"))


def _rounded(value: float | None) -> float | None:
    """Return zero where only rounding has left something."""
    return None if value is None else round(value, 12) + 0.0


def _sign(outcome: str, runs: Sequence[Run]) -> int:
    """Return 1 where higher values of a score or of a metric are better, else -1."""
    from alignkit.metrics import resolve

    if any(outcome in scores for run in runs for scores in run.performance()["splits"].values()):
        return outcome_sign(outcome, runs)
    return 1 if resolve(outcome).higher_is_better else -1
