"""Placements by name: lists of layers, and functions that lay fusions out for any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alignkit.cleaning import print_message
from alignkit.errors import PluginError, UsageError
from alignkit.models.placement import Placement, as_placement, parse_placement
from alignkit.plugins import Entry, registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.options import bind, changed, parse_spec
from alignkit.plugins.registry import in_path

Depths = Mapping[str, int]

_EXPECTED = (
    "a list of layers, one for each stream as {'text': [...], 'vision': [...]}, or a Placement"
)


def choose_placement(text: str | None, architecture: Any = None) -> Placement:
    """Resolve a placement by name, or written out as ``3,4,10`` or ``6,7/3,5``.

    Without a text, it is the architecture's own default placement if there is one, otherwise
    the registered default. Placements that depend on the depth of the streams are those of the
    architecture, of the default one if none is given.

    Raises
    ------
    UsageError
        For an unknown name or option, an invalid list, or streams that cannot hold the placement.
    """
    default: Callable[[], Placement] | None = getattr(architecture, "default_placement", None)
    if not text and default is not None:
        return default()
    depths = _depths(architecture)
    written_out = parse_placement(text) if text else None
    if written_out is not None:
        return with_registered_name(written_out, depths)
    name, given = parse_spec(text) if text else (registry().default("placements").name, {})
    entry = registry().get("placements", name)
    placement = placement_of(entry, depths, given)
    return (
        placement
        if placement.name == in_path(entry.name)
        else with_registered_name(placement, depths)
    )


def placement_of(entry: Entry, depths: Depths, given: Mapping[str, object] = {}) -> Placement:
    """Return a registered placement for streams of some depths.

    With options other than its defaults, it is named after its indices, as every placement that
    is not registered.

    Parameters
    ----------
    entry : Entry
    depths : mapping of str to int
        Number of layers per stream.
    given : mapping, optional
        Values by option.

    Raises
    ------
    UsageError
        For an option that it does not have, or when it does not go with the depths.
    PluginError
        When the function of a plugin fails, or returns anything but a placement.
    """
    target, what = entry.load(), f"placement '{entry.name}'"
    if not callable(target):
        bind({}, given, what)
        return as_placement(target, in_path(entry.name))
    options = bind(target, given, what)
    with PluginCall(entry, "the layers of its fusions", _EXPECTED) as call:
        value = target(dict(depths), **options)
    if not isinstance(value, (Placement, list, tuple, Mapping)):
        raise call.gave(value)
    made = as_placement(value, in_path(entry.name))
    return Placement(made.text, made.vision) if changed(target, options) else made


def placements_that_fit(depths: Depths) -> Iterator[Placement]:
    """Yield the registered placements that streams of some depths can hold, by name."""
    for entry in registry().entries("placements"):
        try:
            placement = placement_of(entry, depths)
            placement.check_depths(depths)
        except UsageError:  # made for deeper streams
            continue
        except PluginError as error:
            print_message(f"alignkit: {error}; it is left out")
            continue
        yield placement


def with_registered_name(placement: Placement, depths: Depths) -> Placement:
    """Return the registered placement with the indices of a placement, or the placement itself."""
    same = (
        known
        for known in placements_that_fit(depths)
        if (known.text, known.vision) == (placement.text, placement.vision)
    )
    return next(same, placement)


def _depths(architecture: Any) -> Depths:
    chosen = registry().default("architectures").load()() if architecture is None else architecture
    depths: Depths = chosen.depths()
    return depths
