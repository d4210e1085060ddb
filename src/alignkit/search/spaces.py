"""Search spaces: their parameters, and the run that a choice of values means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement
from alignkit.plugins import registry
from alignkit.plugins.options import bind, changed, options_of, parse_spec
from alignkit.runs import RunConfig, Training
from alignkit.runs.config import Choice, choose_placement
from alignkit.search.bounds import Bound
from alignkit.search.layers import placement_of, placement_of_mask, with_registered_name

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
    to_placement : callable or None
        Turns values into a placement; None leaves the placement as it is.
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
        known = _architecture_options(config)
        architecture = {k: v for k, v in values.items() if k in known and k not in training}
        return replace(
            config,
            placement=self.to_placement(values) if self.to_placement else config.placement,
            training=replace(config.training, **_converted(training)),
            architecture=_with_options(config.architecture, architecture),
        )


@dataclass(frozen=True)
class _Context:
    """What a space is built from: the run to modify, and the choices of the user."""

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
        ``placement``, ``placement:distinct=true``, ``named``, ``mask`` or ``hparams``.
    config : RunConfig
        The run that the space modifies.
    placements : sequence of str
        Choices of ``named``; all that the architecture can hold if empty.
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
    context = _Context(config, placements, bounds, config.architecture.make().depths())
    options = bind(SPACES[name], given, f"space '{name}'")
    space = SPACES[name](context, **options)
    _check_names(space, bounds, config)
    all_bounds = {**space.bounds, **bounds}
    size = space.size if set(all_bounds) == set(space.bounds) else None
    return replace(space, name=spec, bounds=all_bounds, size=size)


def _placement(context: _Context, distinct: bool = False) -> Space:
    """Vary the number of blocks, and centre and spread per stream.

    For twelve layers, 2 to 8 blocks, centres 2 to 10 and spreads 1 to 4.
    """
    scale = {s: depth / 12 for s, depth in context.depths.items()}
    smaller = min(scale.values())
    bounds = {"blocks": Bound(max(1, round(2 * smaller)), max(1, round(8 * smaller)))}
    for stream in STREAMS:
        bounds[f"{stream}_centre"] = Bound(2 * scale[stream], 10 * scale[stream])
        bounds[f"{stream}_spread"] = Bound(scale[stream], 4 * scale[stream])
    blocks = context.bounds.get("blocks", bounds["blocks"])

    def to_placement(values: Values) -> Placement:
        placement = placement_of(values, context.depths, distinct)
        assert placement is not None
        return with_registered_name(placement)

    fewest = min(blocks.choices) if blocks.choices else blocks.low
    most = min(context.depths.values()) + 1  # before every layer, and after the last
    if fewest > most:
        raise UsageError(f"bound 'blocks' starts at {fewest}; at most {most} blocks fit")
    return Space("placement", bounds, to_placement, min_blocks=int(fewest))


def _named(context: _Context) -> Space:
    """Choose among registered placements by name."""
    names = list(dict.fromkeys(context.placements)) or _all_that_fit(context)
    named = {name: choose_placement(name) for name in names}
    for placement in named.values():
        placement.check_depths(context.depths)
    only = Bound(choices=tuple(names))
    return Space("named", {"placement": only}, lambda v: named[v["placement"]], size=len(names))


def _mask(context: _Context) -> Space:
    """Vary one Boolean per stream and layer index."""
    either = Bound(choices=(False, True))
    bounds = {f"{s}_{i}": either for s in STREAMS for i in range(context.depths[s] + 1)}
    return Space(
        "mask",
        bounds,
        lambda values: with_registered_name(placement_of_mask(values, context.depths)),
    )


def _hparams(context: _Context) -> Space:
    """Vary the learning rate, the epochs, and the dropout where the architecture has it."""
    rate = context.config.training.learning_rate
    bounds = {"learning_rate": Bound(rate / 10, rate * 10, log=True), "epochs": Bound(3, 9)}
    if "dropout" in _architecture_options(context.config):
        bounds["dropout"] = Bound(0.0, 0.4)
    return Space("hparams", bounds)


SPACES: dict[str, Callable[..., Space]] = {
    "placement": _placement,
    "named": _named,
    "mask": _mask,
    "hparams": _hparams,
}


def _all_that_fit(context: _Context) -> list[str]:
    """Return the registered placements that the architecture can hold, each layer list once."""
    fitting: dict[tuple[Any, Any], str] = {}
    for entry in registry().entries("placements"):
        placement = entry.load()
        try:
            placement.check_depths(context.depths)
        except UsageError:
            continue
        fitting.setdefault((placement.text, placement.vision), entry.name)
    return list(fitting.values())


def _check_names(space: Space, bounds: Mapping[str, Bound], config: RunConfig) -> None:
    known_names = [*space.bounds, *options_of(Training), *_architecture_options(config)]
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


def _architecture_options(config: RunConfig) -> Mapping[str, Any]:
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
