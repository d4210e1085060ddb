"""Search spaces: which parameters there are, and the run that their values stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement
from alignkit.plugins import registry
from alignkit.plugins.options import bind, changed, options_of, parse_spec
from alignkit.runs.config import Choice, RunConfig, Training, choose_placement
from alignkit.search.bounds import Bound
from alignkit.search.layers import known, masked, placement_of

if TYPE_CHECKING:
    import optuna

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Space:
    """Parameters with their bounds, and how their values change a run's configuration.

    Attributes
    ----------
    name : str
    bounds : mapping of str to Bound
    place : callable or None
        From values to a placement; None leaves the placement as it is.
    least : int
        A placement with fewer blocks is out of bounds.
    size : int or None
        How many points a finite space has, where all can be tried.
    """

    name: str
    bounds: Mapping[str, Bound]
    place: Callable[[Values], Placement] | None = None
    least: int = 0
    size: int | None = None

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a value for every parameter, in order."""
        return {name: bound.suggest(trial, name) for name, bound in self.bounds.items()}

    def configure(self, values: Values, config: RunConfig) -> RunConfig:
        """The run that these values stand for.

        Raises
        ------
        UsageError
            When a value is out of an option's range.
        """
        training = {k: v for k, v in values.items() if k in options_of(Training)}
        built = {k: v for k, v in values.items() if k in _built(config) and k not in training}
        return replace(
            config,
            placement=self.place(values) if self.place else config.placement,
            training=replace(config.training, **_converted(training)),
            architecture=_with_options(config.architecture, built),
        )


@dataclass(frozen=True)
class _Ground:
    """What a space is built on."""

    config: RunConfig
    placements: Sequence[str]
    bounds: Mapping[str, Bound]
    depths: Mapping[str, int] = field(default_factory=dict)


def build_space(
    spec: str, config: RunConfig, placements: Sequence[str], bounds: Mapping[str, Bound]
) -> Space:
    """Build a space by name; bounds replace its own, and those of further options add to it.

    Parameters
    ----------
    spec : str
        ``placement``, ``placement:distinct=true``, ``named``, ``mask`` or ``hparams``.
    config : RunConfig
        What stays where the space says nothing.
    placements : sequence of str
        For ``named``; all that the architecture can hold if empty.
    bounds : mapping of str to Bound

    Raises
    ------
    UsageError
        For an unknown space or parameter, with a suggestion.
    """
    name, given = parse_spec(spec)
    if name not in SPACES:
        close = get_close_matches(name, SPACES, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise UsageError(f"unknown space '{name}'; known: {', '.join(SPACES)}{hint}")
    ground = _Ground(config, placements, bounds, config.architecture.make().depths())
    options = bind(SPACES[name], given, f"space '{name}'")
    space = SPACES[name](ground, **options)
    _check_names(space, bounds, config)
    together = {**space.bounds, **bounds}
    size = space.size if set(together) == set(space.bounds) else None
    return replace(space, name=spec, bounds=together, size=size)


def _placement(ground: _Ground, distinct: bool = False) -> Space:
    """Number of blocks; centre and spread per stream. 2 to 10 and 1 to 4 of twelve layers."""
    share = {s: depth / 12 for s, depth in ground.depths.items()}
    least = min(share.values())
    bounds = {"blocks": Bound(max(1, round(2 * least)), max(1, round(8 * least)))}
    for stream in STREAMS:
        bounds[f"{stream}_centre"] = Bound(2 * share[stream], 10 * share[stream])
        bounds[f"{stream}_spread"] = Bound(share[stream], 4 * share[stream])
    blocks = ground.bounds.get("blocks", bounds["blocks"])

    def place(values: Values) -> Placement:
        found = placement_of(values, ground.depths, distinct)
        assert found is not None
        return known(found)

    fewest = min(blocks.choices) if blocks.choices else blocks.low
    most = min(ground.depths.values()) + 1  # before every layer, and after the last
    if fewest > most:
        raise UsageError(f"bound 'blocks' begins at {fewest}; {most} blocks fit at most")
    return Space("placement", bounds, place, least=int(fewest))


def _named(ground: _Ground) -> Space:
    """Registered placements, by name."""
    names = list(dict.fromkeys(ground.placements)) or _all_that_fit(ground)
    named = {name: choose_placement(name) for name in names}
    for placement in named.values():
        placement.check_depths(ground.depths)
    only = Bound(choices=tuple(names))
    return Space("named", {"placement": only}, lambda v: named[v["placement"]], size=len(names))


def _mask(ground: _Ground) -> Space:
    """One switch per stream and index: free lists."""
    either = Bound(choices=(False, True))
    bounds = {f"{s}_{i}": either for s in STREAMS for i in range(ground.depths[s] + 1)}
    return Space("mask", bounds, lambda values: known(masked(values, ground.depths)))


def _hparams(ground: _Ground) -> Space:
    """Training options: learning rate, epochs, and dropout where the architecture has it."""
    rate = ground.config.training.learning_rate
    bounds = {"learning_rate": Bound(rate / 10, rate * 10, log=True), "epochs": Bound(3, 9)}
    if "dropout" in _built(ground.config):
        bounds["dropout"] = Bound(0.0, 0.4)
    return Space("hparams", bounds)


SPACES: dict[str, Callable[..., Space]] = {
    "placement": _placement,
    "named": _named,
    "mask": _mask,
    "hparams": _hparams,
}


def _all_that_fit(ground: _Ground) -> list[str]:
    """Registered placements that the architecture can hold, each list of indices once."""
    fitting: dict[tuple[Any, Any], str] = {}
    for entry in registry().entries("placements"):
        placement = entry.load()
        try:
            placement.check_depths(ground.depths)
        except UsageError:
            continue
        fitting.setdefault((placement.text, placement.vision), entry.name)
    return list(fitting.values())


def _check_names(space: Space, bounds: Mapping[str, Bound], config: RunConfig) -> None:
    known_names = [*space.bounds, *options_of(Training), *_built(config)]
    for name in bounds:
        if name not in known_names:
            close = get_close_matches(name, known_names, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise UsageError(
                f"nothing is called '{name}' that a search could vary{hint}; space "
                f"'{space.name}' has: {', '.join(space.bounds)}; options of training and "
                "architecture can be added"
            )


def _converted(given: Values) -> dict[str, Any]:
    return {k: v for k, v in bind(Training, given, "training").items() if k in given}


def _built(config: RunConfig) -> Mapping[str, Any]:
    """Options of the architecture."""
    chosen = config.architecture
    return options_of(registry().get(chosen.kind, chosen.name).load())


def _with_options(choice: Choice, given: Values) -> Choice:
    if not given:
        return choice
    target = registry().get(choice.kind, choice.name).load()
    options = bind(target, {**choice.options, **given}, f"architecture '{choice.name}'")
    kept = {k: v for k, v in choice.changed.items() if k not in given}
    differing = {k: v for k, v in changed(target, options).items() if k in given}
    return replace(choice, options=options, changed={**kept, **differing})
