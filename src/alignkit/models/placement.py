"""Placements of co-attention: two equally long, strictly increasing lists of layer indices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from alignkit.errors import UsageError

STREAMS = ("text", "vision")


@dataclass(frozen=True)
class Placement:
    """The layers before which the fusions run.

    Fusion j runs before layer ``text[j]`` of the text stream and layer ``vision[j]`` of the
    vision stream (Lu et al. 2019, ViLBERT). Index k means after k layers, so an index equal to
    the depth of the stream means after all layers.

    Parameters
    ----------
    text, vision : iterable of int
        Equally long and strictly increasing, from 0 to the depth of the stream.
    name : str
        The registered name; an unregistered placement is named after its indices.

    Raises
    ------
    UsageError
        When the lists differ in length, are not strictly increasing, or contain a negative
        index.
    """

    text: tuple[int, ...]
    vision: tuple[int, ...]
    name: str = ""

    def __init__(self, text: Iterable[int], vision: Iterable[int], name: str = "") -> None:
        object.__setattr__(self, "text", tuple(text))
        object.__setattr__(self, "vision", tuple(vision))
        object.__setattr__(self, "name", name or self._spelled_out())
        self._check()

    def __len__(self) -> int:
        return len(self.text)

    def check_depths(self, depths: Mapping[str, int]) -> None:
        """Check that no index is greater than the depth of its stream.

        Parameters
        ----------
        depths : mapping of str to int
            Number of layers per stream.

        Raises
        ------
        UsageError
            When an index is greater.
        """
        for stream in STREAMS:
            for position, index in enumerate(getattr(self, stream)):
                if index > depths[stream]:
                    raise UsageError(
                        f"placement '{self.name}': {stream} index {index} (fusion {position}) is "
                        f"beyond the depth of the {stream} stream, {depths[stream]}; "
                        f"indices are 0 to {depths[stream]}"
                    )

    def _check(self) -> None:
        if len(self.text) != len(self.vision):
            raise UsageError(
                f"placement '{self.name}' has {len(self.text)} text and {len(self.vision)} vision "
                "indices; both lists must have the same length"
            )
        for stream in STREAMS:
            indices = getattr(self, stream)
            if any(not isinstance(i, int) or isinstance(i, bool) or i < 0 for i in indices):
                raise UsageError(
                    f"placement '{self.name}': {stream} indices {list(indices)} must be whole "
                    "numbers of at least 0"
                )
            if any(a >= b for a, b in pairwise(indices)):
                raise UsageError(
                    f"placement '{self.name}': {stream} indices {list(indices)} must be strictly "
                    "increasing"
                )

    def _spelled_out(self) -> str:
        text, vision = ("_".join(map(str, side)) for side in (self.text, self.vision))
        if not text and not vision:
            return "none"
        return f"at_{text}" if text == vision else f"at_{text}_and_{vision}"


def as_placement(value: object, name: str = "") -> Placement:
    """Convert data to a placement.

    Parameters
    ----------
    value : list, mapping or Placement
        One list of layer indices for both streams, or a mapping with ``text`` and ``vision``.
    name : str
        The name of the placement.

    Raises
    ------
    UsageError
        When it is none of these, or the indices are not valid.
    """
    if isinstance(value, Placement):
        return Placement(value.text, value.vision, name or value.name)
    if isinstance(value, Mapping) and set(value) == set(STREAMS):
        return Placement(value["text"], value["vision"], name)
    if isinstance(value, (list, tuple)):
        return Placement(value, value, name)
    raise UsageError(
        f"placement '{name}' is {value!r}; give one list of layer indices, or "
        "{'text': [...], 'vision': [...]}"
    )


def parse_placement(text: str) -> Placement | None:
    """Parse ``"3,4,10"`` or ``"6,7,8/3,5,7"`` (text/vision); return None for a name.

    Raises
    ------
    UsageError
        When it consists of indices but is not a valid placement.
    """
    if not re.fullmatch(r"[-\d,/\s]+", text):
        return None
    sides = text.split("/")
    if len(sides) > 2:
        raise UsageError(f"placement '{text}' has more than two lists; write TEXT/VISION")
    try:
        lists = [[int(piece) for piece in side.split(",") if piece.strip()] for side in sides]
    except ValueError:
        raise UsageError(
            f"placement '{text}' is not a list of layer indices such as 3,4,10 or 6,7,8/3,5,7"
        ) from None
    return Placement(lists[0], lists[-1])
