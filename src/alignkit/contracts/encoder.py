"""What an encoder gives: its sites, its identity, and a state of every sample at each site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignkit.contracts.guard import Guarded, check_json
from alignkit.models.encoders import POOLINGS, EncoderSite, SiteState
from alignkit.models.placement import STREAMS
from alignkit.plugins.calls import PluginCall, described

if TYPE_CHECKING:
    from torch import Tensor


class GuardedEncoder(Guarded):
    """An encoder whose sites, identity and states are checked as they come."""

    required = ("stream", "label", "sites", "identity", "notes", "load", "prepare", "encode")

    @property
    def stream(self) -> str:
        """Which stream it encodes: ``text`` or ``vision``."""
        call = self._call("its `stream`", "'text' or 'vision'")
        stream = self._read(call, "stream")
        if stream not in STREAMS:
            raise call.gave(stream)
        return str(stream)

    @property
    def label(self) -> str:
        """A short name for tables."""
        call = self._call("its `label`", "a short name")
        label = self._read(call, "label")
        if not isinstance(label, str) or not label.strip():
            raise call.gave(label)
        return label

    def sites(self) -> list[EncoderSite]:
        """Return every site, in the order of the forward pass."""
        call = self._call("its sites", "a list of alignkit.EncoderSite, at least one")
        return check_sites(call, self._ask(call, "sites"))

    def identity(self) -> dict[str, Any]:
        """Return plain values that identify what is computed."""
        call = self._call("its identity", "plain values by name, as JSON has them")
        identity = self._ask(call, "identity")
        if not isinstance(identity, Mapping) or not identity:
            raise call.gave(identity)
        return check_json(call, identity)

    def notes(self) -> list[str]:
        """Return lines a reader should know."""
        call = self._call("its notes", "a list of texts")
        notes = self._ask(call, "notes")
        if isinstance(notes, str) or not isinstance(notes, Sequence):
            raise call.gave(notes)
        return [str(note) for note in notes]

    def prepare(self, samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return the inputs of a batch, on the CPU."""
        import torch

        call = self._call(f"the inputs of {len(samples)} samples", "tensors by name")
        inputs = self._ask(call, "prepare", samples)
        if not isinstance(inputs, Mapping):
            raise call.gave(inputs)
        for name, value in inputs.items():
            if not isinstance(value, torch.Tensor):
                raise call.failed(f"gave {described(value)} as '{name}'")
        self.__dict__["_samples"] = len(samples)
        return dict(inputs)

    def encode(
        self,
        inputs: Mapping[str, Tensor],
        sites: Sequence[str],
        record: Callable[[str, SiteState], None],
    ) -> None:
        """Run a batch, and check every state that it records."""
        n = self.__dict__.get("_samples")
        call = self._call("the states of a batch")
        recorded: set[str] = set()

        def checked(site: str, state: SiteState) -> None:
            if site not in sites:
                raise call.failed(f"recorded {site!r}, which was not asked for")
            check_state(call, site, state, n)
            recorded.add(site)
            record(site, state)

        self._ask(call, "encode", inputs, sites, checked)
        missing = [site for site in sites if site not in recorded]
        if missing:
            raise call.failed(
                f"recorded none at {', '.join(missing)}; such a site can be left out with `sites`"
            )


def check_sites(call: PluginCall, sites: Any) -> list[EncoderSite]:
    """Return the sites of an encoder, whose names differ and whose poolings are known.

    Raises
    ------
    PluginError
        If they do not.
    """
    if isinstance(sites, str) or not isinstance(sites, Sequence) or not sites:
        raise call.gave(sites)
    seen: set[str] = set()
    for site in sites:
        if not isinstance(site, EncoderSite):
            raise call.failed(f"gave {described(site)} among them")
        if site.name in seen:
            raise call.failed(f"gave two of the name '{site.name}'")
        seen.add(site.name)
        if not isinstance(site.shape, tuple) or not site.shape:
            raise call.failed(f"gave {described(site.shape)} as the shape of '{site.name}'")
        unknown = [pool for pool in site.pools if pool not in POOLINGS]
        if isinstance(site.pools, str) or not site.pools or unknown:
            said = f"the pooling {unknown[0]!r}" if unknown else described(site.pools)
            raise call.failed(
                f"gave {said} as poolings of '{site.name}'; poolings are {', '.join(POOLINGS)}"
            )
    return list(sites)


def check_state(call: PluginCall, site: str, state: Any, n: int | None) -> None:
    """Check the form of a state at a site.

    Parameters
    ----------
    n : int or None
        How many samples it is of, where that is known.

    Raises
    ------
    PluginError
        If it is of another form or of another number of samples.
    """
    import torch

    where = f"at '{site}'"
    if not isinstance(state, SiteState):
        raise call.failed(f"gave {described(state)} {where}; expected an alignkit.SiteState")
    tokens = state.tokens
    if not isinstance(tokens, torch.Tensor) or tokens.ndim != 3 or not tokens.is_floating_point():
        raise call.failed(
            f"gave {described(tokens)} as `tokens` {where}; expected floating point of shape "
            "(batch, length, width)"
        )
    if n is not None and len(tokens) != n:
        raise call.failed(f"gave {len(tokens)} samples {where}; it was given {n}")
    for name in ("mask", "content"):
        value = getattr(state, name)
        right = isinstance(value, torch.Tensor) and value.dtype == torch.bool
        if not right or value.shape != tokens.shape[:2]:
            raise call.failed(
                f"gave {described(value)} as `{name}` {where}; expected bool of shape "
                f"{tuple(tokens.shape[:2])}, as its tokens have"
            )
    if state.own is not None and len(state.own) != len(tokens):
        raise call.failed(f"gave {described(state.own)} as `own` {where}")


def check_pooled(call: PluginCall, site: str, pool: str, values: Any) -> None:
    """Check that the representations of some samples are not all broken.

    Raises
    ------
    PluginError
        If none of them is finite.
    """
    import torch

    if len(values) and not bool(torch.isfinite(values).all(1).any()):
        raise call.failed(f"gave NaN or infinite values at '{site}' ({pool}) for every sample")
