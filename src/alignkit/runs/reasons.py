"""Why a step is, or is not, done again for a run: each as a clause."""

from __future__ import annotations

from collections.abc import Sequence

from alignkit.errors import AlignkitError
from alignkit.models.schedule import sites
from alignkit.progress import Reporter, is_explaining
from alignkit.runs.config import RunConfig
from alignkit.runs.data import find_data
from alignkit.runs.inputs import change_of_representations, change_of_scores
from alignkit.runs.listing import found
from alignkit.runs.run import Run

UNTRAINED = "it is not trained yet"
NOTHING_STORED = "nothing is stored yet"
FORCED = "that is asked for with `force`"


def reason_to_train(run: Run, config: RunConfig, force: bool = False) -> str:
    """Return why a run is to be trained; empty where it is trained.

    Parameters
    ----------
    run : Run
    config : RunConfig
    force : bool
        Whether to train it whatever is stored.
    """
    if not run.is_trained:
        return UNTRAINED
    if run.stored.get("identity") != config.identity:
        return "the folder holds another run"
    return FORCED if force else ""


def reason_to_evaluate(run: Run, split: str, force: bool = False) -> str:
    """Return why a run is to be scored on a split; empty where its scores hold."""
    if not run.is_trained:
        return UNTRAINED
    if not run.scores(split):
        return "it is not scored yet"
    return FORCED if force else change_of_scores(run, split)


def reason_to_extract(
    run: Run,
    split: str,
    pools: Sequence[str],
    wanted: Sequence[str] | None = None,
    force: bool = False,
) -> str:
    """Return why representations are to be extracted; empty where the stored ones hold.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
    wanted : sequence of str, optional
        The sites; all when None.
    force : bool
        Whether to extract whatever is stored.
    """
    if not run.is_trained:
        return UNTRAINED
    index = run.representation_index(split)
    if index is None:
        return NOTHING_STORED
    missing = [pool for pool in pools if pool not in index["pools"]]
    if missing:
        return f"pooling {' and '.join(missing)} is not stored"
    every = sites(run.schedule()) if wanted is None else wanted
    lacking = [site for site in every if site not in index["sites"]]
    if lacking:
        return f"{len(lacking)} of the sites are not stored"
    return FORCED if force else change_of_representations(run, split, index)


def explain_training(reporter: Reporter, run: Run, why: str, changes: Sequence[str]) -> None:
    """Say why a run is trained or not, where that was asked for.

    Parameters
    ----------
    reporter : Reporter
    run : Run
    why : str
        The reason to train; empty for none.
    changes : sequence of str
        What has changed since it was trained, as by ``changes_of_training``.
    """
    if not is_explaining():
        return
    if not why:
        kept = " and ".join(changes)
        known = "nothing that it was made from has changed" + _uncompared(run, "train")
        old = "an earlier version did not record what it was made from"
        why = f"it is trained, and {kept or (known if run.inputs else old)}"
        why += "; weights are trained again only with `retrain`" if kept else ""
        reporter.explain(f"train {run.path}", False, why)
        return
    begun = found(run.path, "checkpoint/step-*/state.json") and why == UNTRAINED
    reporter.explain(f"train {run.path}", True, why + (", but has a checkpoint" if begun else ""))


def explain_scores(reporter: Reporter, run: Run, split: str, why: str) -> None:
    """Say why a run is scored or not, where that was asked for; see ``explain_training``."""
    if is_explaining():
        held = run.performance().get("inputs", {}).get(split, {}) if not why else {}
        _explain(reporter, "evaluate", run, split, why, "scores", held.get("data", ""))


def explain_representations(reporter: Reporter, run: Run, split: str, why: str) -> None:
    """Say why a run is extracted or not, where that was asked for; see ``explain_training``."""
    if is_explaining():
        held = (run.representation_index(split) or {}) if not why else {}
        _explain(reporter, "extract", run, split, why, "representations", held.get("data", ""))


def _explain(
    reporter: Reporter, step: str, run: Run, split: str, why: str, what: str, data: str
) -> None:
    unit = f"{step} {run.path} on {split}"
    if why:
        reporter.explain(unit, True, why)
        return
    of = "the weights and pictures" if data else "the weights"
    stored = f"the stored {what} are of {of} that are there now"
    reporter.explain(unit, False, stored + _uncompared(run, split, data))


def _uncompared(run: Run, split: str, data: str | None = None) -> str:
    """Say that pictures are not compared, where that is so; nothing of a task without files."""
    stored = run.inputs.get("data", {}).get(split, "") if data is None else data
    try:
        if not hasattr(run.config.task.make(), "content_digest"):
            return ""
        if not stored:
            return "; the pictures are not compared, as an earlier version did not record them"
        find_data(run)
    except (AlignkitError, OSError):
        return "; the pictures are not compared, as the data are not here"
    return ""
