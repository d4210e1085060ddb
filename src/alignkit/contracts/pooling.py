"""How the states of a stream become one vector per sample: by registered poolings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from alignkit.errors import UsageError
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.code import code_of

if TYPE_CHECKING:
    from torch import Tensor

    from alignkit.models.encoders import SiteState
    from alignkit.models.walk import StreamState


def require_pooling(name: str, where: str = "") -> None:
    """Refuse a pooling that is not registered.

    Parameters
    ----------
    name : str
    where : str
        What messages begin with.

    Raises
    ------
    UsageError
    PluginError
        Where several plugins claim the name.
    """
    begin = f"{where}: " if where else ""
    if "/" in name:
        raise UsageError(
            f"{begin}a pooling is part of the names of files, so '{name}' must be named without "
            "its distribution; leave other plugins out with ALIGNKIT_PLUGINS"
        )
    try:
        registry().get("poolings", name)
    except UsageError as error:
        raise UsageError(f"{begin}{error}") from None


def pooled(state: StreamState | SiteState, pool: str) -> Tensor:
    """Return the states of some samples as one vector each, ``(batch, width)``.

    Parameters
    ----------
    state : StreamState or SiteState
    pool : str
        One that the state has itself, or a registered one.

    Raises
    ------
    PluginError
        Where a registered pooling gives anything else.
    """
    if pool in state.poolings:
        return state.pooled(pool)
    import torch

    batch, _, width = state.tokens.shape
    entry = registry().get("poolings", pool)
    call = PluginCall(
        entry,
        f"its vectors of {batch} samples",
        f"a tensor of finite floating-point numbers of shape ({batch}, {width})",
    )
    with call:
        values = entry.load()(state)
    if not isinstance(values, torch.Tensor):
        raise call.gave(values)
    if not values.is_floating_point() or values.shape != (batch, width):
        raise call.gave(values)
    if not bool(torch.isfinite(values).all()) and bool(torch.isfinite(state.tokens).all()):
        raise call.failed("gave NaN or infinite values")
    return values


def code_of_poolings(pools: Iterable[str]) -> dict[str, str]:
    """Return the keys of the code of those poolings that a plugin adds, by name."""
    entries = [entry for pool in pools for entry in registry().claims("poolings", pool)]
    return {
        entry.name: code_of(entry) for entry in entries if entry.plugin.distribution != "alignkit"
    }


def change_of_poolings(stored: Mapping[str, str]) -> str:
    """Return why stored vectors are not those of their poolings now; empty where they are.

    Parameters
    ----------
    stored : mapping
        As ``code_of_poolings`` returned it then. What is not installed now counts as unchanged.
    """
    now = code_of_poolings(stored)
    changed = [name for name, code in stored.items() if now.get(name, code) != code]
    return f"the code of pooling {' and '.join(changed)} has changed since" if changed else ""
