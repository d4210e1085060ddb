"""Checks that a layer rule names layers of every model."""

from __future__ import annotations

from alignkit.analysis.layer_rules import pairs_of
from alignkit.models.placement import Placement
from alignkit.models.schedule import sites
from alignkit.runs.config import choose
from alignkit.runs.placements import placements_that_fit


def check_layer_rule(rule: str, architecture: str | None = None) -> dict[str, int]:
    """Ask a layer rule for the layers of an architecture on every placement that fits.

    Parameters
    ----------
    rule : str
        A registered layer rule, as ``name:key=value``.
    architecture : str, optional
        As ``name:key=value``; the default one if not given.

    Returns
    -------
    dict of str to int
        How many pairs it names for each placement; none where the model lacks such sites.

    Raises
    ------
    AssertionError
        When it names no pair on any placement, or others the second time.
    PluginError
        When it fails, or names anything but sites that the model records.
    """
    built = choose("architectures", architecture).make()
    counts = {}
    for placement in (Placement([], []), *placements_that_fit(built.depths())):
        schedule = built.schedule(placement)
        pairs, again = pairs_of(rule, schedule), pairs_of(rule, schedule)
        if pairs != again:
            raise AssertionError(
                f"layer rule '{rule}' names other layers the second time, of "
                f"{len(sites(schedule))} sites on placement '{placement.name}'"
            )
        counts[placement.name] = len(pairs)
    if not any(counts.values()):
        raise AssertionError(f"layer rule '{rule}' names no layers on any placement")
    return counts
