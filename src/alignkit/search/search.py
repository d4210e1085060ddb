"""The options of a search: everything that must agree when it is continued."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.bounds.counts import check_seed
from alignkit.errors import UsageError
from alignkit.plugins import registry
from alignkit.plugins.options import bind
from alignkit.runs import RunConfig, Training, resolve_config
from alignkit.search.bounds import parse_bound
from alignkit.search.objectives import Objective, check_objectives, parse_objectives
from alignkit.search.spaces import Space, build_space

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "random", "brute")
PRUNERS = ("median", "halving", "none")
NO_BLOCKS = "/"  # two empty lists of layers, which every architecture can hold
SEARCH = "alignkit"  # the study's user attribute that holds the options of its search


@dataclass(frozen=True)
class Search:
    """What to search, and how.

    Attributes
    ----------
    tasks : tuple of str
        Specs of tasks; a trial trains one run for each.
    space : str
        A registered space, with its options.
    bounds, objectives, placements : tuple of str
        As on the command line. The placements are the choices of a space that takes
        candidates, or the one that a space leaves as it is.
    architecture, data : str or None
    training : mapping
        Training options that are the same in all trials.
    seed, training_seed : int
        Seed of the sampler, and of every run.
    sampler, pruner : str or None
        None chooses them: every point in turn for a finite list of placements, otherwise
        TPE; the median rule where there is a single score to prune on.
    runs : Path
        The folder of runs.
    """

    tasks: tuple[str, ...] = ()
    space: str = "placement"
    bounds: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    architecture: str | None = None
    data: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    training_seed: int = 0
    sampler: str | None = None
    pruner: str | None = None
    runs: Path = Path("runs")

    @cached_property
    def configs(self) -> dict[str, RunConfig]:
        """The configuration that every run of a trial modifies, by name of task."""
        training = Training(**bind(Training, self.training, "training"))
        placement = self._fixed_placement()
        configs: dict[str, RunConfig] = {}
        for task in self.tasks or (None,):
            config = resolve_config(
                task, placement, self.architecture, training, self.training_seed, self.data
            )
            if config.task.name in configs:
                raise UsageError(f"task '{config.task.name}' is given twice")
            configs[config.task.name] = config
        return configs

    def _fixed_placement(self) -> str | None:
        """Return the placement of all trials, or one without blocks where the space chooses."""
        takes = registry().get("spaces", self.space_name).declarations.get("placements")
        if takes == "candidates":
            return NO_BLOCKS
        if takes == "fixed" and len(self.placements) < 2:
            return self.placements[0] if self.placements else None
        if self.placements:
            raise UsageError(
                f"space '{self.space_name}' cannot be combined with {len(self.placements)} values "
                "of `placement`: 'named' chooses among several, 'hparams' fixes one"
            )
        return NO_BLOCKS

    @property
    def space_name(self) -> str:
        """The name of the space without its options."""
        return self.space.partition(":")[0]

    @cached_property
    def resolved_space(self) -> Space:
        """The space with all its bounds."""
        bounds: dict[str, Any] = {}
        for text in self.bounds:
            name, bound = parse_bound(text)
            if name in bounds:
                raise UsageError(f"bound '{name}' is given twice")
            bounds[name] = bound
        first = next(iter(self.configs.values()))
        return build_space(self.space, first, self.placements, bounds)

    @cached_property
    def resolved_objectives(self) -> list[Objective]:
        """The objectives with their tasks and directions."""
        return parse_objectives(self.objectives, self.configs)

    @property
    def study_name(self) -> str:
        """The default name of the study: space and tasks."""
        return "_".join([self.space_name, *self.configs])

    @property
    def exhausts(self) -> bool:
        """Whether the search tries every point of a finite space in turn."""
        return self.chosen_sampler == "brute"

    @property
    def chosen_sampler(self) -> str:
        """``tpe``, ``random`` or ``brute``.

        Raises
        ------
        UsageError
            For an unknown sampler, or ``brute`` on a space that is not finite.
        """
        chosen = self.sampler or ("brute" if self.resolved_space.size else "tpe")
        if chosen not in SAMPLERS:
            raise UsageError(f"unknown sampler '{chosen}'; known: {', '.join(SAMPLERS)}")
        if chosen == "brute" and not self.resolved_space.size:
            raise UsageError(
                "sampler 'brute' tries every point of a finite space; use it with `space=named`"
            )
        return chosen

    @property
    def chosen_pruner(self) -> str:
        """``median``, ``halving`` or ``none``.

        Raises
        ------
        UsageError
            For an unknown pruner, or one that has no single score to prune on.
        """
        scores = [objective.is_score for objective in self.resolved_objectives]
        prunable = scores == [True] and len(self.configs) == 1
        chosen = self.pruner or ("median" if prunable else "none")
        if chosen not in PRUNERS:
            raise UsageError(f"unknown pruner '{chosen}'; known: {', '.join(PRUNERS)}")
        if chosen != "none" and not prunable:
            raise UsageError(
                f"pruner '{chosen}' needs a single task with one score as the only objective"
            )
        return chosen

    def make_sampler(self, draw: int) -> optuna.samplers.BaseSampler:
        """Return the sampler of one draw, seeded by its number so that a resumed search agrees."""
        from optuna import samplers

        seed = int.from_bytes(hashlib.sha256(f"{self.seed}/{draw}".encode()).digest()[:4], "big")
        match self.chosen_sampler:
            case "tpe":
                return samplers.TPESampler(seed=seed)
            case _:  # also where every point is tried in turn
                return samplers.RandomSampler(seed=seed)

    def make_pruner(self) -> optuna.pruners.BasePruner:
        """Return the pruner; epoch 0, the untrained model, is never pruned."""
        from optuna import pruners

        match self.chosen_pruner:
            case "median":
                return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1)
            case "halving":
                return pruners.SuccessiveHalvingPruner(min_resource=1)
            case _:
                return pruners.NopPruner()

    def to_json(self) -> dict[str, Any]:
        """Return, resolved, what must be the same when the search is continued."""
        first = next(iter(self.configs.values()))
        fixed = first.to_json()
        return {
            "tasks": [[name, config.fingerprint] for name, config in self.configs.items()],
            "architecture": fixed["architecture"],
            "placement": None if self.resolved_space.to_placement else fixed["placement"],
            "training": _plain(asdict(first.training)),
            "space": self.space,
            "bounds": {name: str(bound) for name, bound in self.resolved_space.bounds.items()},
            "objectives": [
                {"name": o.name, "direction": o.direction} for o in self.resolved_objectives
            ],
            "sampler": self.chosen_sampler,
            "pruner": self.chosen_pruner,
            "seed": self.seed,
            "training_seed": self.training_seed,
            "depths": dict(first.architecture.make().depths()),
        }

    def check(self) -> None:
        """Resolve all options, so that errors are raised before any work.

        Raises
        ------
        UsageError
            For an unknown name, a bound that is not a range, or an objective that a task lacks.
        """
        self.to_json()
        check_seed(self.seed)
        check_objectives(self.resolved_objectives, self.configs)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as a storage returns them: lists for tuples."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def refuse_another(stored: Mapping[str, Any], search: Search, study: str) -> None:
    """Refuse to continue a study with a different search.

    Raises
    ------
    UsageError
        With the options that differ.
    """
    asked = search.to_json()
    differing = [key for key, value in asked.items() if stored.get(key) != value]
    if differing:
        raise UsageError(
            f"study '{study}' is a different search (it differs in: {', '.join(differing)}); "
            "continue it with the same options, or choose another `study`"
        )
