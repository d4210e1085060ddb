"""Checks that a placement fits an architecture, and that an architecture runs."""

from __future__ import annotations

from typing import Any

from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement, as_placement
from alignkit.models.schedule import Fuse, Record, RunLayer, sites, stream_of
from alignkit.plugins.calls import PluginCall
from alignkit.testing.faults import as_failures, owner_of


def check_placement(placement: Any, architecture: str | None = None) -> list[Any]:
    """Lay a placement out on an architecture.

    Parameters
    ----------
    placement
        A registered name with its options (``"late:count=4"``), indices as text
        (``"3,4/5,6"``), a list, a mapping with ``text`` and ``vision``, an
        ``alignkit.Placement``, or a function that returns one of these for the depths.
    architecture : str, optional
        As ``name:key=value``; the default one if not given.

    Returns
    -------
    list
        The schedule.

    Raises
    ------
    AssertionError
        When a fusion is lost, stands elsewhere, or leaves a stream without a site after it.
    UsageError
        When the placement is not legal, or too deep for the architecture.
    """
    from alignkit.runs.config import choose
    from alignkit.runs.placements import choose_placement

    with as_failures():
        choice = choose("architectures", architecture)
        built = choice.make()
        if isinstance(placement, str):
            return _laid_out(built, choose_placement(placement, built), choice.entry)
        given = placement(built.depths()) if callable(placement) else placement
        return _laid_out(built, as_placement(given), choice.entry)


def check_architecture(architecture: str, task: str | None = None) -> dict[str, int]:
    """Build a model on every registered placement that fits, and walk a few samples through.

    An architecture may refuse placements with a ``UsageError``; one of them it must take, which
    may be its own.

    Parameters
    ----------
    architecture : str
        As ``name:key=value``.
    task : str, optional
        Whose samples; the default one if not given.

    Returns
    -------
    dict of str to int
        Parameters of the model for each placement.

    Raises
    ------
    AssertionError
        When the schedule is broken or does not follow the placement; when a step fails, gives a
        state of another form or that depends on nothing, cuts a gradient, or mixes samples; when
        a site is not recorded, logits are not finite or of the wrong shape, or a walk does not
        repeat; when the head ignores a stream; or when the inputs do not survive being stored.
    """
    from alignkit.runs.config import choose

    with as_failures():
        built = choose("architectures", architecture).make()
        data = choose("tasks", task).make()
        owner = owner_of("architectures", architecture)
        counts = {}
        for placement in _placements(built):
            try:
                schedule = _laid_out(built, placement, owner)
            except UsageError:
                continue  # made for a deeper model, or for another architecture
            counts[placement.name] = _walks(built, placement, schedule, data)
        if not counts:
            call = PluginCall(owner, "the schedules of all placements")
            raise call.failed("takes none of them; it needs a `default_placement`")
        return counts


def _placements(built: Any) -> list[Placement]:
    """Return an architecture's own placement, none at all, and every registered one."""
    from alignkit.runs.placements import placements_that_fit

    own = [built.default_placement()] if hasattr(built, "default_placement") else []
    every = [*own, Placement([], []), *placements_that_fit(built.depths())]
    once: dict[Any, Placement] = {}
    for placement in every:
        once.setdefault((placement.text, placement.vision), placement)
    return list(once.values())


def _laid_out(built: Any, placement: Placement, owner: Any) -> list[Any]:
    """Return the schedule, in which both streams have a site after every fusion."""
    schedule: list[Any] = built.schedule(placement)
    waiting: dict[str, int] = {}
    call = PluginCall(owner, f"the schedule of placement '{placement.name}'")
    for step in [*schedule, None]:
        if isinstance(step, Record):
            waiting.pop(stream_of(step.site), None)
            continue
        late = STREAMS if not isinstance(step, RunLayer) else (step.stream,)
        for stream in late:
            if stream in waiting:
                raise call.failed(
                    f"gave one without a site of the {stream} stream after fusion {waiting[stream]}"
                )
        if isinstance(step, Fuse):
            waiting = dict.fromkeys(STREAMS, step.fusion)
    return schedule


def _walks(
    built: Any, placement: Placement, schedule: list[Any], data: Any, samples: int = 4
) -> int:
    import numpy as np
    import torch

    from alignkit.contracts.inputs import check_stored
    from alignkit.contracts.model import check_model, owner_of, run_model
    from alignkit.models.walk import count_parameters

    split = data.split("train")
    inputs = built.inputs(split.texts)
    check_stored(built, inputs, split.texts[0], split.image(0))
    torch.manual_seed(0)
    model = built.build(placement, data.target.n_outputs, inputs)
    pixels = np.stack([np.asarray(inputs.pixels(split.image(i))) for i in range(samples)])
    batch = inputs.batch([inputs.tokens(split.texts[i]) for i in range(samples)], pixels)
    check_model(model, schedule, batch, data.target.n_outputs)
    shapes: dict[str, Any] = {}
    run_model(
        model.eval(),
        schedule,
        batch,
        lambda site, state: shapes.update({site: state.pooled("cls").shape}),
    )
    call = PluginCall(owner_of(model), f"a walk on placement '{placement.name}'")
    if set(shapes) != set(sites(schedule)):
        raise call.failed("left sites of its schedule out")
    return count_parameters(model)
