"""See the attention of a model while it runs, whatever its layers are called.

All attention that is computed by ``scaled_dot_product_attention`` is seen, which is that of the
architectures of alignkit and of the models of transformers and timm. A normal forward pass is
left as it is: the probabilities are computed a second time, and only here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from alignkit.analysis.explaining.forward import precise
from alignkit.errors import DataError
from alignkit.models.placement import STREAMS
from alignkit.models.schedule import (
    Fuse,
    Record,
    RunLayer,
    Schedule,
    Step,
    fusion_site,
    layer_site,
    sites,
    stream_of,
)
from alignkit.models.schedule import depths as depths_of
from alignkit.models.walk import StreamState

SELF, CO = "self", "co"
# Masks that are added to scores forbid by values far below any score.
FORBIDDEN = -5000.0


@dataclass(frozen=True)
class Attention:
    """The attention of one stream at one place, of a batch.

    Attributes
    ----------
    stream : str
        Whose tokens attend.
    kind : str
        ``self``, or ``co`` where they attend to the other stream, or also to tokens that carry it.
    layer : str
        The site that follows.
    depth : float
        Where that site stands.
    entropy : Tensor (batch, heads)
        In nats, the mean over the tokens that are not padding.
    normalised : Tensor (batch, heads)
        The same of the entropy over the logarithm of the number of tokens that may be attended
        to; NaN where that is one.
    keys : Tensor (batch,)
        That number, the mean over tokens.
    """

    stream: str
    kind: str
    layer: str
    depth: float
    entropy: Tensor
    normalised: Tensor
    keys: Tensor


class AttentionRecorder(TorchFunctionMode):
    """Records the attention of the steps of a schedule; to be entered around a forward pass.

    Parameters
    ----------
    schedule : sequence of steps
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.found: list[Attention] = []
        self._places = {
            site: place
            for stream in STREAMS
            for site, place in depths_of(sites(schedule, stream)).items()
        }
        self._schedule = list(schedule)
        self._number = -1
        self._step: Step | None = None
        self._masks: dict[str, Tensor] = {}
        self._calls: list[tuple[Tensor, Tensor, Tensor | None, float]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function of torch, and note attention."""
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention and isinstance(self._step, RunLayer | Fuse):
            self._note(*args, **kwargs)
        return func(*args, **kwargs)

    def before(self, step: Step, states: dict[str, StreamState]) -> None:
        """Finish the step before, and begin one; to be called by ``walk``."""
        self.finish()
        self._number += 1
        self._step = step
        if isinstance(step, Fuse):
            _tell_apart(states)
        if not isinstance(step, Record):
            self._masks = {stream: state.mask for stream, state in states.items()}

    def finish(self) -> None:
        """Turn the attention of the latest step into entropies."""
        lengths = {stream: mask.shape[1] for stream, mask in self._masks.items()}
        # Tokens that are carried between fusions may stand behind those of a stream.
        longest = max((q.shape[2] for q, *_ in self._calls), default=0)
        extra = max(0, longest - max(lengths.values(), default=0))
        for query, key, mask, scale in self._calls:
            if isinstance(self._step, RunLayer):
                asks = asked = self._step.stream
            else:
                asks = _stream_of_length(query.shape[2], lengths, extra)
                asked = _stream_of_length(key.shape[2], lengths, extra)
            carried = extra > 0 and key.shape[2] == lengths[asked] + extra
            kind = CO if asks != asked or carried else SELF
            site = self._site(asks)
            self.found.append(
                Attention(
                    asks,
                    kind,
                    site,
                    self._places[site],
                    *_means(*attention_entropy(query, key, mask, scale), self._masks[asks]),
                )
            )
        self._calls, self._step = [], None

    def _note(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> None:
        del value, dropout_p
        if query.ndim != 4:
            return
        if enable_gqa:
            key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        if is_causal:
            shape = (query.shape[2], key.shape[2])
            attn_mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        self._calls.append((query, key, attn_mask, scale))

    def _site(self, stream: str) -> str:
        """Return the site that follows the latest step in a stream."""
        step = self._step
        own = ""
        if isinstance(step, RunLayer):
            own = layer_site(step.stream, step.layer)
        elif isinstance(step, Fuse):
            own = fusion_site(stream, step.fusion)
        if own in self._places:
            return own
        following = (
            each.site for each in self._schedule[self._number :] if isinstance(each, Record)
        )
        return next(site for site in following if stream_of(site) == stream)


def _tell_apart(states: dict[str, StreamState]) -> None:
    """Give the text one more token of padding where the streams have equally many tokens.

    Nothing attends to it, and by the numbers of tokens one can see who attends to whom.
    """
    text, vision = states["text"], states["vision"]
    if text.tokens.shape[1] != vision.tokens.shape[1]:
        return
    padding = text.tokens.new_zeros((len(text.tokens), 1, text.tokens.shape[2]))
    nothing = text.mask.new_zeros((len(text.tokens), 1))
    states["text"] = StreamState(
        torch.cat([text.tokens, padding], 1),
        torch.cat([text.mask, nothing], 1),
        torch.cat([text.content, nothing], 1),
        text.cls,
    )


def _stream_of_length(length: int, lengths: dict[str, int], extra: int) -> str:
    for stream, own in lengths.items():
        if length in (own, own + extra):
            return stream
    raise DataError(
        f"attention over {length} tokens is neither that of the text nor that of the picture "
        f"({', '.join(f'{stream} {n}' for stream, n in lengths.items())})"
    )


def attention_entropy(
    query: Tensor, key: Tensor, mask: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """Return the entropy of the attention of every token, and over how many it may spread.

    Parameters
    ----------
    query : Tensor (batch, heads, n, width)
    key : Tensor (batch, heads, m, width)
    mask : Tensor, optional
        Broadcast to ``(batch, heads, n, m)``: true where a token may be attended to, or what is
        added to the scores.
    scale : float
        Of the scores.

    Returns
    -------
    Tensor, Tensor
        ``(batch, heads, n)`` in nats, and the numbers of tokens, which broadcast to the same.
    """
    scores = scale * precise(query) @ precise(key).transpose(-2, -1)
    allowed = torch.ones((1, 1, 1, key.shape[2]), dtype=torch.bool, device=key.device)
    if mask is not None and mask.dtype == torch.bool:
        allowed = mask
        scores = scores.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        allowed = mask > FORBIDDEN
        scores = scores + mask
    entropy = torch.special.entr(scores.softmax(-1)).sum(-1)
    return entropy, allowed.sum(-1).expand_as(entropy)


def _means(entropy: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return means over the tokens of a stream that are not padding."""
    n = mask.shape[1]  # tokens that are carried between fusions stand behind
    entropy, keys = entropy[:, :, :n], precise(keys[:, :, :n])
    share = torch.where(keys > 1, entropy / keys.log(), torch.nan)
    valid = precise(mask[:, None, :])
    count = valid.sum(-1)
    normalised = torch.where(valid > 0, share, 0.0).sum(-1) / count
    return (
        (entropy * valid).sum(-1) / count,
        normalised,
        (keys * valid).sum(-1).mean(1) / count[:, 0],
    )


def in_order(found: Iterable[Attention]) -> dict[tuple[str, str, str, int], Attention]:
    """Name what was found in a batch: stream, kind, layer, and a number where there are several."""
    named: dict[tuple[str, str, str, int], Attention] = {}
    for each in found:
        number = 0
        while (key := (each.stream, each.kind, each.layer, number)) in named:
            number += 1
        named[key] = each
    return named
