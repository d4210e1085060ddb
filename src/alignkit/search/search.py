"""One search, as a user asked for it: everything that must agree when it is continued."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError
from alignkit.plugins.options import bind
from alignkit.runs import RunConfig, Training, resolve_config
from alignkit.search.bounds import parse_bound
from alignkit.search.objectives import Objective, check_objectives, parse_objectives
from alignkit.search.spaces import Space, build_space

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "random", "brute")
PRUNERS = ("median", "halving", "none")
NOWHERE = "/"  # two empty lists, which every architecture can hold
STORED = "alignkit"  # the study's user attribute that holds what is searched


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes
    ----------
    tasks : tuple of str
        Specs; a trial trains one run for each.
    space : str
    bounds, objectives, placements : tuple of str
        As on the command line; the placements are the choices of ``named``, and elsewhere
        one that stays.
    architecture, data : str or None
    training : mapping
        Training options that stay.
    seed, training_seed : int
        Of the sampler, and of every run.
    sampler, pruner : str or None
        None chooses: all in turn for a finite list of placements, else TPE; the median rule
        where there is one score to prune on.
    runs : Path
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
        """What every run of a trial starts from, by name of task."""
        training = Training(**bind(Training, self.training, "training"))
        placement = self._fixed_placement()
        found: dict[str, RunConfig] = {}
        for task in self.tasks or (None,):
            config = resolve_config(
                task, placement, self.architecture, training, self.training_seed, self.data
            )
            if config.task.name in found:
                raise UsageError(f"task '{config.task.name}' is given twice")
            found[config.task.name] = config
        return found

    def _fixed_placement(self) -> str | None:
        """The placement that stays; nowhere where the space chooses one."""
        if self.space_name == "named":
            return NOWHERE
        if self.space_name == "hparams" and len(self.placements) < 2:
            return self.placements[0] if self.placements else None
        if self.placements:
            raise UsageError(
                f"space '{self.space_name}' and {len(self.placements)} --placement do not go "
                "together: 'named' chooses among several, 'hparams' keeps one"
            )
        return NOWHERE

    @property
    def space_name(self) -> str:
        return self.space.partition(":")[0]

    @cached_property
    def resolved_space(self) -> Space:
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
        return parse_objectives(self.objectives, self.configs)

    @property
    def study_name(self) -> str:
        """The name where none is given: space and tasks."""
        return "_".join([self.space_name, *self.configs])

    @property
    def exhausts(self) -> bool:
        """Whether every point of a finite space is tried in turn."""
        return self.chosen_sampler == "brute"

    @property
    def chosen_sampler(self) -> str:
        chosen = self.sampler or ("brute" if self.resolved_space.size else "tpe")
        if chosen not in SAMPLERS:
            raise UsageError(f"unknown sampler '{chosen}'; known: {', '.join(SAMPLERS)}")
        if chosen == "brute" and not self.resolved_space.size:
            raise UsageError(
                "sampler 'brute' tries all of a finite list; use it with --space named"
            )
        return chosen

    @property
    def chosen_pruner(self) -> str:
        scores = [objective.is_score for objective in self.resolved_objectives]
        prunable = scores == [True] and len(self.configs) == 1
        chosen = self.pruner or ("median" if prunable else "none")
        if chosen not in PRUNERS:
            raise UsageError(f"unknown pruner '{chosen}'; known: {', '.join(PRUNERS)}")
        if chosen != "none" and not prunable:
            raise UsageError(
                f"pruner '{chosen}' needs one task and one score as the only objective"
            )
        return chosen

    def make_sampler(self, draw: int) -> optuna.samplers.BaseSampler:
        """A sampler for one draw; seeded by its number, so that a resumed search goes on alike."""
        from optuna import samplers

        seed = int.from_bytes(hashlib.sha256(f"{self.seed}/{draw}".encode()).digest()[:4], "big")
        match self.chosen_sampler:
            case "tpe":
                return samplers.TPESampler(seed=seed)
            case _:  # where all are tried in turn, nothing is left to chance
                return samplers.RandomSampler(seed=seed)

    def make_pruner(self) -> optuna.pruners.BasePruner:
        """The pruner; epoch 0, the untrained model, prunes nothing."""
        from optuna import pruners

        match self.chosen_pruner:
            case "median":
                return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1)
            case "halving":
                return pruners.SuccessiveHalvingPruner(min_resource=1)
            case _:
                return pruners.NopPruner()

    def to_json(self) -> dict[str, Any]:
        """What must be the same when the search is continued, resolved."""
        first = next(iter(self.configs.values()))
        fixed = first.to_json()
        return {
            "tasks": [[name, config.fingerprint] for name, config in self.configs.items()],
            "architecture": fixed["architecture"],
            "placement": None if self.resolved_space.place else fixed["placement"],
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
        """Resolve everything once, so that what is wrong is said before any work."""
        self.to_json()
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; it must be at least 0")
        check_objectives(self.resolved_objectives, self.configs)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as a storage gives them back: lists for tuples."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def refuse_another(stored: Mapping[str, Any], search: Search, study: str) -> None:
    """Never mix two searches in one study.

    Raises
    ------
    UsageError
        With what differs.
    """
    asked = search.to_json()
    differing = [key for key, value in asked.items() if stored.get(key) != value]
    if differing:
        raise UsageError(
            f"study '{study}' is another search (it differs in: {', '.join(differing)}); "
            "continue it with the same options, or choose another --study"
        )
