"""What training tracks: which metrics, over which pairs of sites, how often."""

from __future__ import annotations

from alignkit.errors import UsageError
from alignkit.models.pairs import Pair, SelectionError, pairs_by_streams, select_pairs
from alignkit.models.schedule import Schedule
from alignkit.plugins import registry
from alignkit.plugins.options import parse_spec
from alignkit.runs.training import RuntimeOptions

# Values that are kept in memory, and in every checkpoint, until training ends.
MOST_VALUES = 1_000_000


def check_tracking(runtime: RuntimeOptions, schedule: Schedule) -> None:
    """Refuse what cannot be tracked in a model, before it is built.

    Raises
    ------
    UsageError
        For an unknown metric, for layers that are not there, or where nothing is to be tracked.
    """
    for metric in runtime.track:
        registry().get("metrics", parse_spec(metric)[0])
    tracked_pairs(runtime, schedule)
    if runtime.track:
        return
    default = RuntimeOptions()
    for name in ("track_layers", "track_streams", "track_every", "track_samples"):
        if (value := getattr(runtime, name)) != getattr(default, name):
            raise UsageError(
                f"`{name}={value}` has no effect where no metric is tracked; name one with "
                "`track_alignment` (`track` in a study file)"
            )


def tracked_pairs(runtime: RuntimeOptions, schedule: Schedule) -> list[Pair]:
    """Return the pairs of sites to track: layers of equal depth, the last states, and those chosen.

    Raises
    ------
    UsageError
        For a selection that cannot be read, or that pairs every layer with itself.
    """
    layers, streams = runtime.track_layers, runtime.track_streams
    try:
        chosen = pairs_by_streams(schedule, layers, streams)
    except SelectionError as error:
        raise UsageError(f"`track_layers={layers}`: {error.reason}") from error
    for pairs in chosen.values():
        if all(x == y for x, y in pairs):
            raise UsageError(
                f"`track_streams={streams}` with `track_layers={layers}` pairs layers with "
                "themselves; use `track_layers=all`"
            )
    always = [*select_pairs(schedule, "same"), *select_pairs(schedule, "last")]
    return list(dict.fromkeys([*always, *(pair for pairs in chosen.values() for pair in pairs)]))


def check_size(runtime: RuntimeOptions, schedule: Schedule, epochs: int, steps: int) -> None:
    """Refuse to track more values than are kept.

    Parameters
    ----------
    runtime : RuntimeOptions
    schedule : sequence of steps
        Of the model.
    epochs, steps : int
        How long training takes at most.

    Raises
    ------
    UsageError
        With the number of values.
    """
    pairs = len(tracked_pairs(runtime, schedule))
    every = int(runtime.track_every.removesuffix("s"))
    times = 1 + (steps if runtime.track_every.endswith("s") else epochs) // every
    values = times * len(runtime.track) * pairs
    if values > MOST_VALUES:
        raise UsageError(
            f"`track_every={runtime.track_every}` gives {values:,} values, of {pairs:,} pairs "
            f"of layers {times:,} times for each metric; at most {MOST_VALUES:,} are kept, so "
            "measure less often or fewer layers"
        )
