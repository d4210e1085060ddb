"""Checks that a placement fits an architecture, and that an architecture runs."""

from __future__ import annotations

from typing import Any

from alignkit.models.placement import STREAMS, Placement, as_placement
from alignkit.models.schedule import Fuse, check_schedule, fusion_site, sites
from alignkit.plugins import registry


def check_placement(placement: Any, architecture: str | None = None) -> list[Any]:
    """Lay a placement out on an architecture.

    Parameters
    ----------
    placement
        A registered name, indices as text (``"3,4/5,6"``), a list, a mapping with ``text``
        and ``vision``, or an ``alignkit.Placement``.
    architecture : str, optional
        As ``name:key=value``; the default one if not given.

    Returns
    -------
    list
        The schedule.

    Raises
    ------
    AssertionError
        When a fusion is lost, or leaves a stream without a site after it.
    UsageError
        When the placement is not legal, or too deep for the architecture.
    """
    from alignkit.runs.config import choose, choose_placement

    chosen = choose_placement(placement) if isinstance(placement, str) else as_placement(placement)
    built = choose("architectures", architecture).make()
    return _laid_out(built, chosen)


def check_architecture(architecture: str, task: str | None = None) -> dict[str, int]:
    """Build a model on every registered placement that fits, and walk a few samples through.

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
        When the schedule is broken, a site is not recorded or recorded with another shape,
        logits are not finite or of the wrong shape, a walk does not repeat, no gradient
        flows, or the inputs do not survive being stored.
    """
    from alignkit.errors import UsageError
    from alignkit.runs.config import choose

    built = choose("architectures", architecture).make()
    data = choose("tasks", task).make()
    placements = [Placement([], [])]
    placements += [entry.load() for entry in registry().entries("placements")]
    depths = built.depths()
    counts = {}
    for placement in placements:
        try:
            placement.check_depths(depths)
        except UsageError:
            continue  # made for a deeper model
        counts[placement.name] = _walks(built, placement, data)
    return counts


def _laid_out(built: Any, placement: Placement) -> list[Any]:
    schedule = list(built.schedule(placement))
    fusions = sum(isinstance(step, Fuse) for step in schedule)
    check_schedule(schedule, built.depths(), fusions)
    if fusions != len(placement):
        raise AssertionError(
            f"placement '{placement.name}' has {len(placement)} fusions, the schedule {fusions}"
        )
    recorded = set(sites(schedule))
    for fusion in range(fusions):
        lost = {fusion_site(stream, fusion) for stream in STREAMS} - recorded
        if lost:
            raise AssertionError(
                f"placement '{placement.name}': {', '.join(sorted(lost))} is not recorded"
            )
    return schedule


def _walks(built: Any, placement: Placement, data: Any, samples: int = 4) -> int:
    import numpy as np
    import torch

    from alignkit.models.walk import count_parameters, walk

    schedule = _laid_out(built, placement)
    split = data.split("train")
    inputs = built.load_inputs(_through_json(built.inputs(split.texts)))
    torch.manual_seed(0)
    model = built.build(placement, data.target.n_outputs, inputs)
    pixels = np.stack([np.asarray(inputs.pixels(split.image(i))) for i in range(samples)])
    batch = inputs.batch([inputs.tokens(split.texts[i]) for i in range(samples)], pixels)
    shapes: dict[str, Any] = {}
    logits = walk(
        model.eval(),
        schedule,
        batch,
        lambda site, state: shapes.update({site: state.pooled("cls").shape}),
    )
    label = f"placement '{placement.name}'"
    if set(shapes) != set(sites(schedule)):
        raise AssertionError(f"{label}: not every site is recorded")
    if not all(shape[0] == samples for shape in shapes.values()):
        raise AssertionError(f"{label}: samples are lost")
    expected = (samples, data.target.n_outputs)
    if tuple(logits.shape) != expected:
        raise AssertionError(f"{label}: logits {tuple(logits.shape)}, not {expected}")
    if not bool(torch.isfinite(logits).all()):
        raise AssertionError(f"{label}: logits are not finite")
    again = walk(model, schedule, batch)
    if not torch.equal(logits, again):
        raise AssertionError(f"{label}: a second walk gives other logits")
    logits.sum().backward()
    flows = any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())
    if not flows:
        raise AssertionError(f"{label}: no gradient reaches a parameter")
    return count_parameters(model)


def _through_json(inputs: Any) -> Any:
    """Return inputs as a run would read them back."""
    import json

    return json.loads(json.dumps(inputs.to_json()))
