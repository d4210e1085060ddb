"""One trial: its runs are trained as any other, its values are read off them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from alignkit.runs import Run, RunConfig
from alignkit.search.search import Search

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class OutOfBoundsError(Exception):
    """Rounding has left fewer blocks than the space allows."""


def propose(search: Search, trial: optuna.Trial) -> dict[str, RunConfig]:
    """Draw the parameters of a trial and store what they stand for with it.

    Returns
    -------
    dict of str to RunConfig
        The runs of the trial, by name of task.
    """
    space = search.resolved_space
    values = space.suggest(trial)
    configs = {name: space.configure(values, c) for name, c in search.configs.items()}
    placement = next(iter(configs.values())).placement
    trial.set_user_attr(
        "placement",
        {"name": placement.name, "text": list(placement.text), "vision": list(placement.vision)},
    )
    if len(placement) < space.least:
        raise OutOfBoundsError(
            f"{len(placement)} block(s) are left after rounding; the least is {space.least}"
        )
    for config in configs.values():
        config.architecture.make().schedule(placement)
    trial.set_user_attr("identities", [config.identity for config in configs.values()])
    trial.set_user_attr("runs", [str(search.runs / c.folder) for c in configs.values()])
    return configs


def conduct(
    search: Search, study: optuna.Study, trial: optuna.Trial, configs: Mapping[str, RunConfig]
) -> Sequence[float]:
    """Train what a trial lacks and read its values; those of an equal trial are used again.

    Raises
    ------
    optuna.TrialPruned
        When the trial falls behind the others, or an equal one did.
    AlignkitError
        When a run fails or a value is undefined.
    """
    import optuna

    from alignkit.chain.train import train

    twin = _twin(study, trial)
    if twin is not None and twin.state.name == "PRUNED":
        trial.set_user_attr("duplicate_of", twin.number)
        for epoch, value in twin.intermediate_values.items():
            trial.report(value, epoch)
        raise optuna.TrialPruned(f"trial {twin.number} is the same and was pruned")
    if twin is not None:
        trial.set_user_attr("duplicate_of", twin.number)
        return twin.values
    runs: dict[str, Run] = {}
    for name, config in configs.items():
        runs[name] = train(config, search.runs, on_epoch=_watch(search, name, trial))
    values = [objective.of(runs) for objective in search.resolved_objectives]
    twin = _twin(study, trial)  # another worker may have drawn the same meanwhile
    if twin is not None and twin.state.name == "COMPLETE":
        trial.set_user_attr("duplicate_of", twin.number)
    return values


def _twin(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial | None:
    """An earlier trial with the same runs that has a result of its own."""
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


def _watch(search: Search, task: str, trial: optuna.Trial) -> Callable[..., None]:
    """What training calls after each validation: look for the scores wanted, and prune."""
    import optuna

    wanted = [o for o in search.resolved_objectives if o.task == task and o.is_score]
    prunes = search.chosen_pruner != "none"

    def on_epoch(epoch: int, scores: dict[str, float]) -> None:
        values = [objective.read(scores) for objective in wanted]  # a wrong name ends it at once
        if prunes:
            trial.report(values[0], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"behind the others in epoch {epoch}")

    return on_epoch
