"""What a model does: run step by step on two samples, before it is trained on all.

Each step must give states of the right form, and pass on what it was given: a state that depends
on nothing, a gradient that is cut, and samples that are mixed are found here. Weights that start
at zero, as of gates, would hide what depends on them: they get small values for as long as the
model is looked at. A model may declare what would otherwise be a fault: ``reads``, the streams
that its head reads, and of a fusion ``detached``, the streams from which it cuts the gradient.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from alignkit.models.placement import STREAMS
from alignkit.models.schedule import Fuse, RunLayer, Schedule, Step
from alignkit.plugins.calls import Owner, PluginCall, described

SAMPLES = 2  # as many show whether samples are kept apart
SMALL = 0.02  # of weights that start at zero, while the model is looked at
# Rounding may change so much of a value, where the order of sums does.
ROUNDING = 1e-4

_owners: WeakKeyDictionary[Any, Owner | str] = WeakKeyDictionary()


def remember_owner(model: Any, owner: Owner | str) -> None:
    """Remember whose a model is, to be named where it fails."""
    _owners[model] = owner


def owner_of(model: Any) -> Owner | str:
    """Return whose a model is; where that is unknown, what messages call it."""
    return _owners.get(model, f"the model {type(model).__name__}")


def run_model(
    model: Any,
    schedule: Schedule,
    batch: Mapping[str, Mapping[str, Any]],
    record: Callable[[str, Any], None] | None = None,
    before: Callable[[Step, dict[str, Any]], None] | None = None,
) -> Any:
    """Run a batch through a model as ``walk`` does; an error in its code names its owner.

    Raises
    ------
    PluginError
        If the model fails; errors of ``record`` pass as they are.
    """
    from alignkit.models.walk import walk

    raised: list[BaseException] = []

    def recorded(site: str, state: Any) -> None:
        try:
            assert record is not None
            record(site, state)
        except BaseException as error:
            raised.append(error)
            raise

    try:
        with PluginCall(owner_of(model), "a forward pass"):
            return walk(model, schedule, batch, record and recorded, before)
    except BaseException:
        if raised:
            raise raised[0] from None
        raise


def check_model(
    model: Any,
    schedule: Schedule,
    batch: Mapping[str, Mapping[str, Any]],
    n_outputs: int,
    owner: Owner | str | None = None,
    gradients: bool = True,
) -> None:
    """Run two samples through a model, step by step, and check every step.

    The model, its mode and the generators are left as they were.

    Parameters
    ----------
    model : nn.Module
        What an architecture built.
    schedule : sequence of steps
    batch : mapping
        Of ``SAMPLES`` samples, or of one.
    n_outputs : int
        The number of logits.
    owner : Owner or str, optional
        Whose it is; by default as remembered.
    gradients : bool
        Whether to check also that gradients pass, as training needs.

    Raises
    ------
    PluginError
        If a step fails or gives a state of another form, a state depends on nothing or loses a
        stream, a gradient is cut, samples are mixed, the head ignores a stream that it does not
        declare to, logits are of another shape or not finite, or a second run gives others.
    """
    import torch

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    devices = [device] if device.type == "cuda" else []
    was_training, owner = model.training, owner or owner_of(model)
    with torch.random.fork_rng(devices), _no_zero_weights(model):
        model.eval()
        try:
            with torch.set_grad_enabled(gradients):
                logits = _Steps(model, schedule, owner, gradients).run(batch)
                _check_logits(logits, model, schedule, batch, n_outputs, owner)
        finally:
            model.train(was_training)


def _check_logits(
    logits: Any, model: Any, schedule: Schedule, batch: Any, n_outputs: int, owner: Owner | str
) -> None:
    import torch

    n = len(logits)
    call = PluginCall(owner, "the logits of its head")
    if tuple(logits.shape) != (n, n_outputs) or not logits.is_floating_point():
        raise call.failed(
            f"gave {described(logits)}; expected floating point of shape ({n}, {n_outputs})"
        )
    trainable = any(p.requires_grad for p in model.parameters())
    if torch.is_grad_enabled() and trainable and not logits.requires_grad:
        raise call.failed("gave values without a gradient, from which nothing can be learnt")
    with torch.no_grad():
        again = run_model(model, schedule, batch)
    if _differ(logits, again):
        raise PluginCall(owner, "its logits in evaluation mode").failed(
            "gave others for the same samples when asked again"
        )


@contextlib.contextmanager
def _no_zero_weights(model: Any) -> Iterator[None]:
    """Give weights that are all zero small values within the block."""
    import torch

    zero = [p for p in model.parameters() if p.numel() and p.is_floating_point() and _is_zero(p)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in zero:
            small = torch.randn(parameter.shape, generator=generator) * SMALL
            parameter.copy_(small.to(parameter.device, parameter.dtype))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter in zero:
                parameter.zero_()


def _is_zero(parameter: Any) -> bool:
    first = parameter.detach()[(0,) * parameter.ndim]  # to look at most of them is too slow
    return not bool(first) and not bool(parameter.detach().any())


def _differ(one: Any, other: Any) -> bool:
    import torch

    if one.shape != other.shape:
        return True
    scale = float(one.detach().abs().max()) if one.numel() else 0.0
    return not torch.allclose(one.detach(), other.detach(), ROUNDING, ROUNDING * scale)


@dataclass(frozen=True)
class _Given:
    """What one step depends on: the tokens of a state by stream, as leaves of a graph."""

    states: dict[str, Any]
    leaves: dict[str, Any]
    learnt: dict[str, bool]  # whether anything before the step is trained


class _Steps:
    """Runs the steps of a schedule one by one, each on states of its own graph."""

    def __init__(self, model: Any, schedule: Schedule, owner: Owner | str, gradients: bool) -> None:
        self.model, self.schedule, self.owner = model, schedule, owner
        self.gradients = gradients
        import torch

        self.generator = torch.Generator().manual_seed(0)

    def run(self, batch: Mapping[str, Mapping[str, Any]]) -> Any:
        states = {stream: self._embed(stream, batch[stream]) for stream in STREAMS}
        carry: Any = None
        for step in self.schedule:
            if isinstance(step, RunLayer):
                stream = step.stream
                states[stream] = self._layer(stream, step.layer, states[stream])
            elif isinstance(step, Fuse):
                states, carry = self._fuse(step.fusion, states, carry)
        return self._head(states)

    def _embed(self, stream: str, inputs: Mapping[str, Any]) -> Any:
        call = PluginCall(self.owner, f"the embedding of the {stream} stream")
        with call:
            state = self.model.streams[stream].embed(**inputs)
        return _checked(call, state)

    def _layer(self, stream: str, layer: int, state: Any) -> Any:
        call = PluginCall(self.owner, f"the state after {stream} layer {layer}")
        given = self._given({stream: state})

        def compute(states: Mapping[str, Any]) -> dict[str, Any]:
            with call:
                new = self.model.streams[stream].layer(layer, states[stream])
            return {stream: _checked(call, new, state)}

        found = compute(given.states)
        self._check_paths(call, given, compute, found, ())
        return found[stream]

    def _fuse(self, fusion: int, states: dict[str, Any], carry: Any) -> tuple[dict[str, Any], Any]:
        call = PluginCall(self.owner, f"the states after fusion {fusion}")
        given = self._given(states)
        module = self.model.fusions[fusion]
        passed: list[Any] = []

        def compute(leaves: Mapping[str, Any]) -> dict[str, Any]:
            with call:
                found = module(leaves["text"], leaves["vision"], carry)
            if not isinstance(found, tuple | list) or len(found) != 3:
                what = described(found)
                raise call.failed(f"gave {what}; expected both states and what is carried on")
            passed.append(found[2])
            new = dict(zip(STREAMS, found, strict=False))
            for stream in STREAMS:
                before, after = states[stream].tokens, getattr(new[stream], "tokens", None)
                shapes = tuple(before.shape), tuple(getattr(after, "shape", before.shape))
                if shapes[0] != shapes[1]:
                    raise call.failed(
                        f"gave {stream} tokens of shape {shapes[1]}; it was given {shapes[0]}"
                    )
            return {
                stream: _checked(call, new[stream], states[stream], f"for {stream}")
                for stream in STREAMS
            }

        found = compute(given.states)
        if passed[0] is carry:  # what is carried may hold the rest
            self._check_paths(call, given, compute, found, getattr(module, "detached", ()))
        return found, passed[0]

    def _head(self, states: dict[str, Any]) -> Any:
        import torch

        call = PluginCall(self.owner, "the logits of its head")
        given = self._given(states)

        def compute(leaves: Mapping[str, Any]) -> dict[str, Any]:
            with call:
                logits = self.model.head(leaves["text"], leaves["vision"])
            n = len(states["text"].tokens)
            if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != n:
                what = described(logits)
                raise call.failed(f"gave {what}; expected a tensor of shape ({n}, outputs)")
            return {"logits": logits}

        found = compute(given.states)
        if not bool(torch.isfinite(found["logits"]).all()):
            raise call.failed("gave NaN or infinite values")
        detached = getattr(self.model, "detached", ())
        reads = self._check_paths(call, given, compute, found, detached)["logits"]
        declared = set(getattr(self.model, "reads", STREAMS))
        for stream in STREAMS:
            if stream in declared and stream not in reads:
                others = [other for other in STREAMS if other != stream]
                raise call.failed(
                    f"ignores the {stream} stream; if it is meant to, the model says so with "
                    f"`reads = {tuple(others)!r}`"
                )
        return found["logits"]

    def _given(self, states: Mapping[str, Any]) -> _Given:
        learnt = {name: state.tokens.requires_grad for name, state in states.items()}
        leaves = {
            name: state.tokens.detach().requires_grad_(self.gradients and learnt[name])
            for name, state in states.items()
        }
        replaced = {name: state.with_tokens(leaves[name]) for name, state in states.items()}
        return _Given(replaced, leaves, learnt)

    def _check_paths(
        self,
        call: PluginCall,
        given: _Given,
        compute: Callable[[Mapping[str, Any]], dict[str, Any]],
        found: Mapping[str, Any],
        detached: Sequence[str],
    ) -> dict[str, set[str]]:
        """Return the streams that each result depends on, and check that none is lost or cut."""
        flows = {name: self._gradients(call, given, value) for name, value in found.items()}
        reads = {name: set(streams) for name, streams in flows.items()}
        for stream in given.leaves:
            if all(stream in flows[name] for name in found):
                continue
            for name in self._changed_by(stream, given, compute, found):
                cut = self.gradients and given.learnt[stream] and stream not in flows[name]
                if cut and stream not in detached:
                    head = name == "logits"
                    what, who = ("logits", "the model") if head else (f"{name} state", "it")
                    raise call.failed(
                        f"cuts the gradient from the {what} to the {stream} stream; if it is meant "
                        f"to, {who} says so with `detached = ({stream!r},)`"
                    )
                reads[name].add(stream)
        for name in found:
            if not reads[name]:
                what = "logits that depend" if name == "logits" else f"a {name} state that depends"
                raise call.failed(f"gives {what} on nothing that it was given")
        lost = set(given.leaves) - set().union(*reads.values())
        if lost and "logits" not in found:
            raise call.failed(f"loses the {lost.pop()} stream: neither state depends on it")
        return reads

    def _gradients(self, call: PluginCall, given: _Given, value: Any) -> set[str]:
        """Return the streams to which the gradient of the first sample flows, to no other."""
        import torch

        tensor = getattr(value, "tokens", value)
        leaves = {name: leaf for name, leaf in given.leaves.items() if leaf.requires_grad}
        if not leaves or not tensor.requires_grad:
            return set()
        weights = self._noise(tensor[0])
        gradients = torch.autograd.grad(
            (tensor[0] * weights).sum(), list(leaves.values()), retain_graph=True, allow_unused=True
        )
        flows = set()
        for name, gradient in zip(leaves, gradients, strict=True):
            if gradient is None:
                continue
            if bool(gradient[1:].any()):
                raise call.failed(
                    "mixes samples: what it gives for one depends on the others in its batch"
                )
            if bool(gradient.any()):
                flows.add(name)
        return flows

    def _changed_by(
        self,
        stream: str,
        given: _Given,
        compute: Callable[[Mapping[str, Any]], dict[str, Any]],
        found: Mapping[str, Any],
    ) -> list[str]:
        """Return the results that change where the tokens of a stream do."""
        import torch

        with torch.no_grad():
            tokens = given.leaves[stream].detach()
            scale = tokens.float().std().clamp(min=1e-3)
            noise = self._noise(tokens) * scale.to(tokens.dtype)
            moved = given.states[stream].with_tokens(tokens + noise)
            others = compute({**given.states, stream: moved})
        return [
            name
            for name, value in found.items()
            if _differ(
                getattr(value, "tokens", value), getattr(others[name], "tokens", others[name])
            )
        ]

    def _noise(self, like: Any) -> Any:
        import torch

        return torch.randn(like.shape, generator=self.generator).to(like.device, like.dtype)


def _checked(call: PluginCall, state: Any, before: Any = None, which: str = "") -> Any:
    """Return a state of the right form, with as many samples as before and of their type."""
    import torch

    from alignkit.models.walk import StreamState

    said = f" {which}" if which else ""
    if not isinstance(state, StreamState):
        raise call.failed(f"gave {described(state)}{said}; expected an alignkit.StreamState")
    tokens = state.tokens
    if not isinstance(tokens, torch.Tensor) or tokens.ndim != 3 or not tokens.is_floating_point():
        raise call.failed(
            f"gave {described(tokens)} as `tokens`{said}; expected floating point of shape (batch, "
            "length, width)"
        )
    for name in ("mask", "content"):
        value = getattr(state, name)
        right = isinstance(value, torch.Tensor) and value.dtype == torch.bool
        if not right or value.shape != tokens.shape[:2]:
            raise call.failed(
                f"gave {described(value)} as `{name}`{said}; expected bool of shape "
                f"{tuple(tokens.shape[:2])}, as its tokens have"
            )
    if before is not None and len(tokens) != len(before.tokens):
        raise call.failed(f"gave {len(tokens)} samples{said}; it was given {len(before.tokens)}")
    if before is not None and tokens.dtype != before.tokens.dtype:
        raise call.failed(
            f"gave tokens of type {tokens.dtype}{said}; it was given {before.tokens.dtype}"
        )
    if not bool(torch.isfinite(tokens).all()):
        raise call.failed(f"gave NaN or infinite tokens{said}")
    return state
