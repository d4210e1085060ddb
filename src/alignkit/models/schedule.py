"""Schedules: the steps of a two-stream model as data that can be printed and tested."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement


@dataclass(frozen=True)
class RunLayer:
    """Run one layer of a stream; layers are 0-based."""

    stream: str
    layer: int

    def __str__(self) -> str:
        return f"run     {self.stream} layer {self.layer}"


@dataclass(frozen=True)
class Fuse:
    """Run one fusion, which reads and may change the states of both streams."""

    fusion: int

    def __str__(self) -> str:
        return f"fuse    {self.fusion}"


@dataclass(frozen=True)
class Record:
    """Record the current state of the site's stream as the representation of the site."""

    site: str

    def __str__(self) -> str:
        return f"record  {self.site}"


Step = RunLayer | Fuse | Record
Schedule = Sequence[Step]


def layer_site(stream: str, layer: int) -> str:
    """Name the site after a layer: ``t03``, ``v11``."""
    return f"{stream[0]}{layer:02d}"


def fusion_site(stream: str, fusion: int) -> str:
    """Name the site after a fusion: ``t.f0``, ``v.f0``."""
    return f"{stream[0]}.f{fusion}"


def input_site(stream: str) -> str:
    """Name the site at the embeddings: ``t.in``, ``v.in``."""
    return f"{stream[0]}.in"


def stream_of(site: str) -> str:
    """Return the stream of a site, by its first letter."""
    return {"t": "text", "v": "vision"}[site[0]]


def is_site(name: str) -> bool:
    """Return whether a name is the name of a site."""
    return re.fullmatch(r"[tv](\d{2,}|\.in|\.f\d+)", name) is not None


def sites(schedule: Schedule, stream: str | None = None) -> list[str]:
    """Return the sites that a schedule records, in its order; of one stream if one is named."""
    recorded = [step.site for step in schedule if isinstance(step, Record)]
    return [site for site in recorded if stream is None or stream_of(site) == stream]


def depths(recorded: Sequence[str]) -> dict[str, float]:
    """Return where the sites of one stream stand on an axis of depth.

    Layer i stands at i and the embeddings at -1; fusions stand evenly between the layers around
    them, so that a single one before layer k stands at k - 0.5, and those after the last layer
    within 1 of it.

    Parameters
    ----------
    recorded : sequence of str
        In the order of the forward pass.
    """
    places: dict[str, float] = {}
    latest, fusions = -1.0, list[str]()
    for site in [*recorded, ""]:
        if ".f" in site:
            fusions.append(site)
            continue
        places |= {each: latest + (i + 1) / (len(fusions) + 1) for i, each in enumerate(fusions)}
        fusions = []
        if site:
            latest = -1.0 if site.endswith(".in") else float(site[1:])
            places[site] = latest
    return places


def head_site(schedule: Schedule, stream: str) -> str:
    """Return the last site of a stream: the state that the head reads."""
    return sites(schedule, stream)[-1]


def between_layers(placement: Placement, depths: Mapping[str, int]) -> list[Step]:
    """Lay out fusions between the layers of the streams, and record every site.

    Parameters
    ----------
    placement : Placement
    depths : mapping of str to int
        Number of layers per stream.

    Returns
    -------
    list of Step

    Raises
    ------
    UsageError
        When an index of the placement is beyond the depth of its stream.
    """
    placement.check_depths(depths)
    steps: list[Step] = [Record(input_site(stream)) for stream in STREAMS]
    done = dict.fromkeys(STREAMS, 0)
    for fusion in range(len(placement)):
        for stream in STREAMS:
            until = getattr(placement, stream)[fusion]
            steps += run_layers(stream, done[stream], until)
            done[stream] = until
        steps.append(Fuse(fusion))
        steps += [Record(fusion_site(stream, fusion)) for stream in STREAMS]
    for stream in STREAMS:
        steps += run_layers(stream, done[stream], depths[stream])
    return steps


def check_schedule(schedule: Schedule, depths: Mapping[str, int], fusions: int) -> None:
    """Check that layers and fusions run in order, and that every site is recorded once at most.

    A layer may be left out, since a fusion may replace it.

    Parameters
    ----------
    schedule : sequence of steps
    depths : mapping of str to int
        Number of layers per stream.
    fusions : int
        Number of fusions of the model.

    Raises
    ------
    UsageError
        When one of these conditions does not hold.
    """
    last = dict.fromkeys(STREAMS, -1)
    seen: set[str] = set()
    next_fusion = 0
    for step in schedule:
        match step:
            case RunLayer(stream, layer):
                if not last[stream] < layer < depths[stream]:
                    raise UsageError(
                        f"schedule: {stream} layer {layer} cannot follow {last[stream]}"
                    )
                last[stream] = layer
            case Fuse(fusion):
                if fusion != next_fusion:
                    raise UsageError(
                        f"schedule: fusion {fusion} runs where fusion {next_fusion} was expected"
                    )
                next_fusion += 1
            case Record(site):
                if not is_site(site):
                    raise UsageError(
                        f"schedule: '{site}' is not a site; expected a name such as t00 or v.f0"
                    )
                if site in seen:
                    raise UsageError(f"schedule: site '{site}' is recorded twice")
                seen.add(site)
    if next_fusion != fusions:
        raise UsageError(f"schedule: it runs {next_fusion} fusions, but the model has {fusions}")


def run_layers(stream: str, start: int, stop: int) -> list[Step]:
    """Lay out layers ``start`` to ``stop - 1`` of a stream, each followed by its site."""
    steps: list[Step] = []
    for layer in range(start, stop):
        steps += [RunLayer(stream, layer), Record(layer_site(stream, layer))]
    return steps
