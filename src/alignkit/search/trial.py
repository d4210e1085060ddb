"""A trial of a search: train its runs like any others, and read its values from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from alignkit.runs import Run, RunConfig
from alignkit.runs.inputs import changes_of_training
from alignkit.runs.run import run_of
from alignkit.search.search import Search

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class OutOfBoundsError(Exception):
    """Rounding leaves fewer blocks than the space allows."""


def propose(search: Search, trial: optuna.Trial) -> dict[str, RunConfig]:
    """Draw the parameters of a trial, and store the placement and runs that they mean.

    Returns
    -------
    dict of str to RunConfig
        The runs of the trial, by name of task.

    Raises
    ------
    OutOfBoundsError
        When rounding leaves fewer blocks than the space allows.
    UsageError
        When the architecture cannot hold the placement.
    """
    space = search.resolved_space
    values = space.suggest(trial)
    configs = {name: space.configure(values, c) for name, c in search.configs.items()}
    placement = next(iter(configs.values())).placement
    trial.set_user_attr(
        "placement",
        {"name": placement.name, "text": list(placement.text), "vision": list(placement.vision)},
    )
    if len(placement) < space.min_blocks:
        raise OutOfBoundsError(
            f"{len(placement)} block(s) remain after rounding; the space requires at least "
            f"{space.min_blocks}"
        )
    for config in configs.values():
        config.architecture.make().schedule(placement)
    trial.set_user_attr("identities", [config.identity for config in configs.values()])
    trial.set_user_attr("runs", [str(run_of(search.runs, c).path) for c in configs.values()])
    return configs


def run_trial(
    search: Search, study: optuna.Study, trial: optuna.Trial, configs: Mapping[str, RunConfig]
) -> Sequence[float]:
    """Train the runs of a trial and return its values, one per objective.

    A trial with the runs of an earlier one takes its values.

    Raises
    ------
    optuna.TrialPruned
        When the trial is worse than the others so far, or an equal one was pruned.
    AlignkitError
        When a run fails or a value is undefined.
    """
    import optuna

    from alignkit.chain.train import train

    duplicate = _duplicate(study, trial)
    if duplicate is not None and duplicate.state.name == "PRUNED":
        trial.set_user_attr("duplicate_of", duplicate.number)
        for epoch, value in duplicate.intermediate_values.items():
            trial.report(value, epoch)
        raise optuna.TrialPruned(f"trial {duplicate.number} has the same runs and was pruned")
    if duplicate is not None:
        trial.set_user_attr("duplicate_of", duplicate.number)
        return list(duplicate.values)
    before = [_changes_since(run_of(search.runs, config), config) for config in configs.values()]
    if stale := " and ".join(dict.fromkeys(filter(None, before))):
        trial.set_user_attr("stale", stale)
    runs: dict[str, Run] = {}
    for name, config in configs.items():
        runs[name] = train(config, search.runs, on_epoch=_pruning_callback(search, name, trial))
    values = [objective.of(runs) for objective in search.resolved_objectives]
    duplicate = _duplicate(study, trial)  # another worker may have drawn the same meanwhile
    if duplicate is not None and duplicate.state.name == "COMPLETE":
        trial.set_user_attr("duplicate_of", duplicate.number)
    return values


def _changes_since(run: Run, config: RunConfig) -> str:
    """Return what has changed since a run was trained, as a clause; empty for one that is not."""
    return " and ".join(changes_of_training(config, run.inputs)) if run.is_trained else ""


def _duplicate(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial | None:
    """Return an earlier trial with the same runs and a result of its own, if there is one."""
    from optuna.trial import TrialState

    mine = trial.user_attrs["identities"]
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return next(
        (
            other
            for other in ended
            if other.user_attrs.get("identities") == mine and "duplicate_of" not in other.user_attrs
        ),
        None,
    )


def _pruning_callback(search: Search, task: str, trial: optuna.Trial) -> Callable[..., None]:
    """Return what training calls after each validation: it reports the score, and prunes."""
    import optuna

    wanted = [o for o in search.resolved_objectives if o.task == task and o.is_score]
    prunes = search.chosen_pruner != "none"

    def on_epoch(epoch: int, scores: dict[str, float]) -> None:
        values = [objective.read(scores) for objective in wanted]  # fails for an unknown name
        if prunes:
            trial.report(values[0], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"worse than the other trials in epoch {epoch}")

    return on_epoch
