"""Search spaces: their parameters, and the run that a choice of values means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError
from alignkit.models.placement import Placement
from alignkit.plugins import Entry, registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.options import bind, changed, options_of, parse_spec
from alignkit.runs import RunConfig, Training
from alignkit.runs.config import Choice
from alignkit.search.bounds import Bound

if TYPE_CHECKING:
    import optuna

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Space:
    """Parameters with their bounds, and how their values change a run's configuration.

    Attributes
    ----------
    name : str
        As it is registered; the options that were given are added.
    bounds : mapping of str to Bound
        A parameter with the name of an option of training or of the architecture sets it.
    to_placement : callable or None
        Turns values by parameter into a placement; None leaves the placement as it is.
    min_blocks : int
        A placement with fewer blocks is out of bounds.
    size : int or None
        Number of points of a finite space, all of which can be tried.
    """

    name: str
    bounds: Mapping[str, Bound]
    to_placement: Callable[[Values], Placement] | None = None
    min_blocks: int = 0
    size: int | None = None

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a value for every parameter, in order."""
        return {name: bound.suggest(trial, name) for name, bound in self.bounds.items()}

    def configure(self, values: Values, config: RunConfig) -> RunConfig:
        """Return the configuration of the run that these values mean.

        Raises
        ------
        UsageError
            When a value is out of an option's range.
        """
        training = {k: v for k, v in values.items() if k in options_of(Training)}
        known = architecture_options(config)
        architecture = {k: v for k, v in values.items() if k in known and k not in training}
        return replace(
            config,
            placement=self.to_placement(values) if self.to_placement else config.placement,
            training=replace(config.training, **_converted(training)),
            architecture=_with_options(config.architecture, architecture),
        )


@dataclass(frozen=True)
class SpaceContext:
    """What a space is built from: the run to modify, and the choices of the user.

    Attributes
    ----------
    config : RunConfig
        The run that the space modifies.
    placements : sequence of str
        What was given with ``--placement``, to a space that takes candidates.
    bounds : mapping of str to Bound
        What was given with ``--bound``; it replaces the bounds of the space.
    depths : mapping of str to int
        Number of layers of each stream.
    """

    config: RunConfig
    placements: Sequence[str]
    bounds: Mapping[str, Bound]
    depths: Mapping[str, int] = field(default_factory=dict)


def build_space(
    spec: str, config: RunConfig, placements: Sequence[str], bounds: Mapping[str, Bound]
) -> Space:
    """Build a space by name; bounds replace those of its parameters or add further parameters.

    Parameters
    ----------
    spec : str
        A registered space with its options, such as ``placement:distinct=true``.
    config : RunConfig
        The run that the space modifies.
    placements : sequence of str
        Choices of a space that takes candidates, such as ``named``.
    bounds : mapping of str to Bound

    Raises
    ------
    UsageError
        For an unknown space or parameter, with a suggestion.
    """
    name, given = parse_spec(spec)
    entry = registry().get("spaces", name)
    context = SpaceContext(config, placements, bounds, config.architecture.make().depths())
    space = _built(entry, context, bind(entry.load(), given, f"space '{name}'"))
    _check_names(space, bounds, config)
    all_bounds = {**space.bounds, **bounds}
    size = space.size if set(all_bounds) == set(space.bounds) else None
    return replace(space, name=spec, bounds=all_bounds, size=size)


def _built(entry: Entry, context: SpaceContext, options: Values) -> Space:
    with PluginCall(entry, "the space of a run", "an alignkit.Space") as call:
        space = entry.load()(context, **options)
    if not isinstance(space, Space):
        raise call.gave(space)
    if (function := space.to_placement) is None:
        return space
    asked = PluginCall(entry, "the placement of values", "an alignkit.Placement")

    def to_placement(values: Values) -> Placement:
        with asked as call:
            placement = function(values)
        if not isinstance(placement, Placement):
            raise call.gave(placement)
        return placement

    return replace(space, to_placement=to_placement)


def _check_names(space: Space, bounds: Mapping[str, Bound], config: RunConfig) -> None:
    known_names = [*space.bounds, *options_of(Training), *architecture_options(config)]
    for name in bounds:
        if name not in known_names:
            close = get_close_matches(name, known_names, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise UsageError(
                f"there is no parameter '{name}' to vary{hint}; space '{space.name}' has: "
                f"{', '.join(space.bounds)}; options of training and architecture can be added"
            )


def _converted(given: Values) -> dict[str, Any]:
    return {k: v for k, v in bind(Training, given, "training").items() if k in given}


def architecture_options(config: RunConfig) -> Mapping[str, Any]:
    """Return the options that the architecture has."""
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
