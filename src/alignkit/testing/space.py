"""Checks that the points of a search space are runs that can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignkit.errors import UsageError
from alignkit.runs import RunConfig, resolve_config
from alignkit.search.search import NO_BLOCKS
from alignkit.search.spaces import Space, build_space
from alignkit.search.storage import silence_optuna


def check_space(
    space: str,
    architecture: str | None = None,
    *,
    placements: Sequence[str] = (),
    points: int = 50,
    seed: int = 0,
) -> int:
    """Draw points of a search space, and lay out the runs that they mean.

    Parameters
    ----------
    space : str
        A registered space, as ``name:key=value``.
    architecture : str, optional
        As ``name:key=value``; the default one if not given.
    placements : sequence of str
        As with ``--placement``.
    points : int
        How many to draw.
    seed : int
        Of the draw.

    Returns
    -------
    int
        How many different runs the points mean.

    Raises
    ------
    AssertionError
        When the space has no parameter, its size is not that of its choices, the same values mean
        another run each time, or the architecture cannot hold a placement.
    """
    config = resolve_config(placement=NO_BLOCKS, architecture=architecture)
    built = build_space(space, config, placements, {})
    if not built.bounds:
        raise AssertionError(f"space '{space}' has no parameter")
    _check_size(built)
    return len({_identity(built, values, config) for values in _drawn(built, points, seed)})


def _drawn(space: Space, points: int, seed: int) -> list[dict[str, Any]]:
    import optuna

    silence_optuna()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [space.suggest(study.ask()) for _ in range(points)]


def _identity(space: Space, values: dict[str, Any], config: RunConfig) -> str:
    run, again = space.configure(values, config), space.configure(dict(values), config)
    if run.identity != again.identity:
        raise AssertionError(f"space '{space.name}': {values} mean another run each time")
    try:
        run.architecture.make().schedule(run.placement)
    except UsageError as error:
        raise AssertionError(f"space '{space.name}': {values}: {error}") from error
    return run.identity


def _check_size(space: Space) -> None:
    if space.size is None:
        return
    choices = 1
    for bound in space.bounds.values():
        choices *= len(bound.choices)
    if space.size != choices:
        raise AssertionError(
            f"space '{space.name}' declares size={space.size}; its bounds have {choices} points"
        )
