"""Execute the schedule of a two-stream model step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from alignkit.models.pooling import mean_over
from alignkit.models.schedule import Fuse, Record, RunLayer, Schedule, Step, stream_of


@dataclass(frozen=True)
class StreamState:
    """The state of one stream between two steps.

    Attributes
    ----------
    tokens : Tensor
        ``(batch, length, width)``; the first token is ``[CLS]``, unless ``cls`` is false.
    mask : Tensor
        ``(batch, length)``, true where a token may be attended to (it is not padding).
    content : Tensor
        ``(batch, length)``, true where a token enters the mean: it is neither padding nor a
        special token.
    cls : bool
        Whether the first token is a ``[CLS]``; some vision models have none.
    """

    tokens: Tensor
    mask: Tensor
    content: Tensor
    cls: bool = True

    poolings: ClassVar[tuple[str, ...]] = ("cls", "mean")

    def with_tokens(self, tokens: Tensor) -> StreamState:
        """Return a state with other values at the same positions."""
        return replace(self, tokens=tokens)

    def pooled(self, pool: str) -> Tensor:
        """Reduce to ``(batch, width)``: the ``[CLS]`` token, or the mean over content tokens.

        Parameters
        ----------
        pool : str
            ``cls`` or ``mean``. A stream without a ``[CLS]`` gives the mean for both.
        """
        if pool == "cls" and self.cls:
            return self.tokens[:, 0]
        return mean_over(self.tokens, self.content)


Before = Callable[[Step, dict[str, StreamState]], None]


def walk(
    model: Any,
    schedule: Schedule,
    batch: Mapping[str, Mapping[str, Tensor]],
    record: Callable[[str, StreamState], None] | None = None,
    before: Before | None = None,
) -> Tensor:
    """Run a batch through a model in the order of a schedule.

    Parameters
    ----------
    model : Model
    schedule : sequence of steps
    batch : mapping of str to mapping
        Arguments of the streams' ``embed``, under ``text`` and ``vision``.
    record : callable, optional
        Called as ``record(site, state)`` at every site of the schedule.
    before : callable, optional
        Called as ``before(step, states)`` before every step, with the states by stream, which it
        may replace.

    Returns
    -------
    Tensor
        Logits, ``(batch, n_outputs)``.
    """
    states = {name: model.streams[name].embed(**batch[name]) for name in ("text", "vision")}
    carry: Any = None
    for step in schedule:
        if before is not None:
            before(step, states)
        match step:
            case RunLayer(stream, layer):
                states[stream] = model.streams[stream].layer(layer, states[stream])
            case Fuse(fusion):
                states["text"], states["vision"], carry = model.fusions[fusion](
                    states["text"], states["vision"], carry
                )
            case Record(site):
                if record is not None:
                    record(site, states[stream_of(site)])
    logits: Tensor = model.head(states["text"], states["vision"])
    return logits


def count_parameters(model: torch.nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
