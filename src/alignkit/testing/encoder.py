"""Checks that an encoder gives every sample its representations, whatever its batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from alignkit.contracts.encoder import GuardedEncoder, check_pooled
from alignkit.models.encoders import EncoderSite, SiteState
from alignkit.plugins.calls import PluginCall
from alignkit.testing.faults import as_failures, owner_of

# Other batches pad otherwise, which changes sums by rounding.
TOLERANCE = 1e-3
TEXTS = ("a red square", "two green circles and a very small blue triangle below them", "word", "")


def check_encoder(encoder: Any, samples: Sequence[Any] | None = None) -> dict[str, int]:
    """Encode a few samples on the CPU: together, again, and one at a time.

    Parameters
    ----------
    encoder : str or Encoder
        As ``name:key=value``, or the thing itself.
    samples : sequence of str or of Image, optional
        Texts or RGB pictures; some are made up if they are not given.

    Returns
    -------
    dict of str to int
        The columns of the representation at each site.

    Raises
    ------
    AssertionError
        When sites are not described as they come, a site or sample is missing, values are not
        finite, another call or another batch gives others, or the identity is no plain values
        or does not repeat.
    """
    from alignkit.runs.config import choose

    with as_failures():
        owner = owner_of("encoders", encoder)
        made: Any = (
            choose("encoders", encoder).make()
            if isinstance(encoder, str)
            else GuardedEncoder(encoder, owner)
        )
        _check_identity(made, owner)
        made.label, made.notes()
        sites = made.sites()
        given = list(samples) if samples is not None else _made_up(made.stream)
        made.load(torch.device("cpu"))
        together = _encoded(made, sites, given, owner)
        call = PluginCall(owner, "the states of a batch")
        _check_same(call, together, _encoded(made, sites, given, owner), "when asked again")
        apart = [_encoded(made, sites, [sample], owner) for sample in given]
        alone = {key: torch.cat([part[key] for part in apart]) for key in together}
        _check_same(call, together, alone, "than for each of its samples alone")
        return {site.name: together[site.name, site.pools[0]].shape[1] for site in sites}


def _made_up(stream: str) -> list[Any]:
    if stream == "text":
        return list(TEXTS)
    from PIL import Image

    rng = np.random.default_rng(0)
    sizes = [(64, 64), (48, 80), (100, 30)]
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def _check_identity(encoder: Any, owner: Any) -> None:
    if encoder.identity() != encoder.identity():
        raise PluginCall(owner, "its identity").failed("gave another one when asked again")


def _encoded(
    encoder: Any, sites: Sequence[EncoderSite], samples: Sequence[Any], owner: Any
) -> dict[tuple[str, str], torch.Tensor]:
    """Return the representations by site and pooling, ``(samples, width)``."""
    by_name = {site.name: site for site in sites}
    found: dict[tuple[str, str], torch.Tensor] = {}
    call = PluginCall(owner, "the states of a batch")

    def record(name: str, state: SiteState) -> None:
        site = by_name[name]
        for pool in site.pools:
            with call:
                values = state.pooled(pool)
            if len(values) != len(samples):
                raise call.failed(f"gave {len(values)} of {len(samples)} samples at '{name}'")
            if site.width is not None and pool != "own" and values.shape[1] != site.width:
                raise call.failed(
                    f"gave {values.shape[1]} columns at '{name}'; its site says {site.width}"
                )
            check_pooled(call, name, pool, values)
            found[name, pool] = values.detach().float()

    with torch.inference_mode():
        encoder.encode(encoder.prepare(samples), list(by_name), record)
    return found


def _check_same(
    call: PluginCall,
    one: dict[tuple[str, str], torch.Tensor],
    other: dict[tuple[str, str], torch.Tensor],
    how: str,
) -> None:
    for (site, pool), values in one.items():
        scale = float(values.abs().max())
        if not torch.allclose(values, other[site, pool], 0, TOLERANCE * max(scale, 1e-6)):
            raise call.failed(f"gave other values at '{site}' ({pool}) {how}")
