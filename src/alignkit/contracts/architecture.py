"""What an architecture gives: a schedule that follows the placement, inputs, and a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from alignkit.contracts.guard import Check, Guarded, of_type
from alignkit.contracts.model import remember_owner
from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement
from alignkit.models.schedule import Fuse, Record, RunLayer, Step, check_schedule, sites, stream_of
from alignkit.models.size import ModelSize
from alignkit.plugins.calls import PluginCall, described

if TYPE_CHECKING:
    from torch import nn


class GuardedArchitecture(Guarded):
    """An architecture whose schedules, inputs and models are checked as they are made."""

    required = ("depths", "schedule", "inputs", "load_inputs", "build")
    optional: ClassVar[Mapping[str, Check]] = {
        "default_placement": of_type(Placement, "an alignkit.Placement"),
        "resolve": of_type(Mapping, "the values of options by name"),
        "size": of_type(ModelSize, "an alignkit.ModelSize"),
    }

    def depths(self) -> dict[str, int]:
        """Return the number of layers of each stream."""
        call = self._call("`depths()`", "a whole number from 1 under 'text' and 'vision'")
        depths = self._ask(call, "depths")
        if not isinstance(depths, Mapping) or set(depths) != set(STREAMS):
            raise call.gave(depths)
        for stream, depth in depths.items():
            if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
                raise call.failed(f"gave {described(depth)} for {stream}")
        return dict(depths)

    def schedule(self, placement: Placement) -> list[Step]:
        """Lay out a placement as steps."""
        call = self._call(f"the schedule of placement '{placement.name}'", "a list of steps")
        schedule = self._ask(call, "schedule", placement)
        return check_steps(call, schedule, self.depths(), placement)

    def inputs(self, texts: Sequence[str]) -> Any:
        """Return inputs fitted on the texts of the training split."""
        from alignkit.contracts.inputs import GuardedInputs

        call = self._call("its inputs")
        return GuardedInputs(self._ask(call, "inputs", texts), self._owner)

    def load_inputs(self, stored: Mapping[str, Any]) -> Any:
        """Return inputs as a run has stored them."""
        from alignkit.contracts.inputs import GuardedInputs

        call = self._call("the inputs of a stored run")
        return GuardedInputs(self._ask(call, "load_inputs", stored), self._owner)

    def build(self, placement: Placement, n_outputs: int, inputs: Any) -> nn.Module:
        """Build a model, whose owner is remembered."""
        expected = "a torch.nn.Module with `streams`, `fusions` and `head`"
        call = self._call(f"a model on placement '{placement.name}'", expected)
        model = self._ask(call, "build", placement, n_outputs, inputs)
        return check_parts(call, model, self._owner)


def check_parts(call: PluginCall, model: Any, owner: Any) -> nn.Module:
    """Return a model that has what the schedule needs, and remember whose it is.

    Raises
    ------
    PluginError
        If it has not.
    """
    from torch import nn

    if not isinstance(model, nn.Module):
        raise call.gave(model)
    call = call.without_expected()
    missing = [name for name in ("streams", "fusions", "head") if not hasattr(model, name)]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise call.failed(f"gave {described(model)} without {names}")
    parts: Any = model
    for stream in STREAMS:
        if stream not in parts.streams:
            raise call.failed(f"gave one whose `streams` have no '{stream}'")
        for method in ("embed", "layer"):
            if not callable(getattr(parts.streams[stream], method, None)):
                raise call.failed(f"gave one whose {stream} stream has no method `{method}`")
    if not hasattr(parts.fusions, "__len__") or not hasattr(parts.fusions, "__getitem__"):
        raise call.failed(f"gave one whose `fusions` are {described(parts.fusions)}, not a list")
    reads = getattr(model, "reads", STREAMS)
    if isinstance(reads, str) or not reads or not set(reads) <= set(STREAMS):
        raise call.failed(
            f"gave one whose `reads` is {reads!r}; expected the streams that its head reads"
        )
    remember_owner(model, owner)
    return model


def check_steps(
    call: PluginCall, schedule: Any, depths: Mapping[str, int], placement: Placement
) -> list[Step]:
    """Return a schedule that runs every layer in order and the fusions where they are placed.

    A fusion may stand for a layer, and an architecture may have more fusions than the placement.

    Raises
    ------
    PluginError
        If it holds anything but steps, a stream has no site, or a fusion of the placement is
        missing or stands elsewhere.
    """
    if isinstance(schedule, str | Mapping) or not hasattr(schedule, "__iter__"):
        raise call.gave(schedule)
    steps = list(schedule)
    call = call.without_expected()
    for step in steps:
        if not isinstance(step, RunLayer | Fuse | Record):
            raise call.failed(
                f"gave {described(step)} among its steps; expected alignkit.RunLayer, Fuse or "
                "Record"
            )
        if isinstance(step, RunLayer) and step.stream not in STREAMS:
            raise call.failed(
                f"gave a step of the stream {step.stream!r}; streams are text, vision"
            )
    fusions = sum(isinstance(step, Fuse) for step in steps)
    try:
        check_schedule(steps, depths, fusions)
    except UsageError as error:
        raise call.failed(f"gave a faulty one: {error}") from None
    for stream in STREAMS:
        if not sites(steps, stream):
            raise call.failed(f"gave one without a site of the {stream} stream")
    if fusions < len(placement):
        raise call.failed(
            f"gave one with {fusions} of the {len(placement)} fusions of the placement"
        )
    _check_places(call, steps, placement)
    return steps


def _check_places(call: PluginCall, steps: Sequence[Step], placement: Placement) -> None:
    """Check that fusion j runs before the layers of its place, and sites follow their layers."""
    ran = dict.fromkeys(STREAMS, -1)
    first = dict.fromkeys(STREAMS, 0)  # where the next layer may be at the earliest
    fused = dict.fromkeys(STREAMS, False)  # since the last layer
    for step in steps:
        if isinstance(step, RunLayer):
            if step.layer < first[step.stream]:
                raise call.failed(
                    f"gave one that runs {step.stream} layer {step.layer} after a fusion that is "
                    f"placed before layer {first[step.stream]}"
                )
            ran[step.stream], fused[step.stream] = step.layer, False
        elif isinstance(step, Fuse):
            for stream in STREAMS:
                fused[stream] = True
                places = getattr(placement, stream)
                if step.fusion >= len(places):
                    continue
                first[stream] = places[step.fusion]
                if ran[stream] >= first[stream]:
                    raise call.failed(
                        f"gave one that runs fusion {step.fusion} after {stream} layer "
                        f"{ran[stream]}; it is placed before layer {first[stream]}"
                    )
        elif step.site[1:].isdigit():
            stream, layer = stream_of(step.site), int(step.site[1:])
            if layer != ran[stream] and not (fused[stream] and layer > ran[stream]):
                raise call.failed(
                    f"gave one that records '{step.site}' after {stream} layer {ran[stream]}"
                )
