"""Encoders: frozen models of one stream, whose representations are taken at named sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from alignkit.errors import UsageError
from alignkit.models import pooling

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

# What reduces the state of a site to one vector per sample.
POOLINGS = ("cls", "mean", "last", "max", "gap", "own")


@dataclass(frozen=True)
class EncoderSite:
    """A place in an encoder where representations can be taken.

    Attributes
    ----------
    name : str
        The dotted name of a module, such as ``encoder.layer.3``, or one that the encoder gives,
        such as ``final``.
    shape : tuple of int or None
        Of one sample's state, without the batch: ``(tokens, width)``, ``(height, width of the
        map, channels)`` or ``(width,)``; None where it differs from sample to sample.
    pools : tuple of str
        The poolings that the site offers, the default first.
    refused : mapping of str to str
        Why a site lacks a pooling, such as ``{"cls": "the model has no class token"}``.
    default : bool
        Whether the site is extracted unless others are named.
    """

    name: str
    shape: tuple[int | None, ...]
    pools: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    default: bool = True

    @property
    def width(self) -> int | None:
        """The number of columns of the representation."""
        return self.shape[-1]

    def pool(self, asked: str | None) -> str:
        """Return a pooling of this site: the one asked for, or the default.

        Raises
        ------
        UsageError
            When the site does not offer the pooling, with the reason.
        """
        if asked is None:
            return self.pools[0]
        if asked not in POOLINGS:
            raise UsageError(f"unknown pooling '{asked}'; known: {', '.join(POOLINGS)}")
        if asked not in self.pools:
            reason = self.refused.get(asked, f"a state of shape {self.shape} has none")
            raise UsageError(
                f"site '{self.name}' has no pooling '{asked}': {reason}; it has: "
                f"{', '.join(self.pools)}"
            )
        return asked


@dataclass(frozen=True)
class SiteState:
    """What an encoder computed at one site for a batch.

    Attributes
    ----------
    tokens : Tensor
        ``(batch, length, width)``; the positions of a feature map one after the other.
    mask : Tensor
        ``(batch, length)``, true for real tokens, false for padding.
    content : Tensor
        ``(batch, length)``, true for what enters ``mean`` and ``max``: neither padding nor
        class, register or other special tokens.
    cls : Tensor or None
        ``(batch,)``, the position of the class token of every sample.
    own : Tensor or None
        ``(batch, width)``, the model's own pooled output, at the site where it is made.
    """

    tokens: Tensor
    mask: Tensor
    content: Tensor
    cls: Tensor | None = None
    own: Tensor | None = None

    poolings: ClassVar[tuple[str, ...]] = POOLINGS

    def pooled(self, pool: str) -> Tensor:
        """Reduce to ``(batch, width)`` in float32.

        Parameters
        ----------
        pool : str
            ``cls``: the class token; ``mean`` and ``max``: over content tokens; ``last``: the
            last real token, whichever side is padded; ``gap``: the mean over all positions;
            ``own``: the model's own pooling.

        Raises
        ------
        ValueError
            When the state has no such pooling; ``EncoderSite.pool`` refuses it before.
        """
        if pool == "own" and self.own is not None:
            return self.own.float()
        tokens = self.tokens.float()
        if pool == "cls" and self.cls is not None:
            return pooling.at(tokens, self.cls)
        if pool == "last":
            return pooling.last_of(tokens, self.mask)
        if pool == "gap":
            return tokens.mean(1)
        if pool == "mean":
            return pooling.mean_over(tokens, self.content)
        if pool == "max":
            return pooling.max_over(tokens, self.content)
        raise ValueError(f"this state has no pooling '{pool}'")


class Encoder(Protocol):
    """A frozen model of one stream; plugins register its class or a function that makes it.

    The parameters of the registered callable are its options. A class attribute ``positional``
    names the option that may be given without its name, as in ``hf:FOLDER``. An option
    ``from_scratch`` gives random weights instead of trained ones, which ``compare`` uses as a
    control. A method ``describe()`` may return further facts by name, such as the number of
    parameters, which ``alignkit show encoder`` prints.
    """

    @property
    def stream(self) -> str:
        """The stream that it encodes, ``text`` or ``vision``."""

    @property
    def label(self) -> str:
        """A short name for tables, such as ``all-MiniLM-L6-v2``."""

    def sites(self) -> Sequence[EncoderSite]:
        """Return every site that is offered, in the order of the forward pass."""

    def identity(self) -> Mapping[str, Any]:
        """Return plain values that identify what is computed.

        Hashes of the weights, of the tokenizer or preprocessing, and options such as the
        precision; never a place, so that a moved folder is the same encoder.
        """

    def notes(self) -> Sequence[str]:
        """Return lines a reader should know, such as weights that the checkpoint lacks."""

    def load(self, device: torch.device) -> None:
        """Load the weights onto a device, in evaluation mode; called once before ``encode``."""

    def prepare(self, samples: Sequence[str] | Sequence[Image]) -> Mapping[str, Tensor]:
        """Return the inputs of a batch on the CPU, from texts or from RGB images."""

    def encode(
        self,
        inputs: Mapping[str, Tensor],
        sites: Sequence[str],
        record: Callable[[str, SiteState], None],
    ) -> None:
        """Run a batch and give the state at each of the sites to ``record`` as soon as it exists.

        Inputs are those of ``prepare`` on the device. Nothing is kept after the call.
        """


def select_sites(sites: Sequence[EncoderSite], patterns: Sequence[str] = ()) -> list[EncoderSite]:
    """Return the sites that match names or globs, or the default sites, in order.

    Raises
    ------
    UsageError
        For a pattern that matches no site, with the closest names.
    """
    from difflib import get_close_matches
    from fnmatch import fnmatchcase

    if not patterns:
        return [site for site in sites if site.default]
    names = [site.name for site in sites]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            close = get_close_matches(pattern, names, n=3, cutoff=0.4) or names[:3]
            raise UsageError(
                f"no site matches '{pattern}'; there are {len(names)}, such as {', '.join(close)}"
            )
    return [s for s in sites if any(fnmatchcase(s.name, pattern) for pattern in patterns)]
