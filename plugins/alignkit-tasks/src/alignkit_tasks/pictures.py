"""The pictures of a split, and what is done about those that are missing or broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

import alignkit
from alignkit.progress import current_reporter
from alignkit_tasks.decoding import faults_in_decoding
from alignkit_tasks.sources import File, Source

POLICIES = ("error", "skip", "blank")
BLANK = (224, 224)


def open_rgb(source: Source) -> Image.Image:
    """Open a picture upright and in RGB, with transparent parts on white.

    Raises
    ------
    alignkit.MissingError
        If it is missing.
    alignkit.DataError
        If it is not a picture, is truncated, or has so many pixels that it may be an attack.
    """
    return source.open()


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split: ``pictures(i)`` opens the i-th.

    Attributes
    ----------
    ids : sequence of str
    sources : sequence of (Source or None)
        None for a blank picture.
    blank : bool
        Whether to show white for a picture that turns out to be broken when it is decoded.
    advice : str
        What to do about such a picture otherwise, to end the message.
    """

    ids: Sequence[str]
    sources: Sequence[Source | None]
    blank: bool = False
    advice: str = ""

    def __call__(self, i: int) -> Image.Image:
        """Open the i-th picture, upright and in RGB."""
        source = self.sources[i]
        if source is None:
            return Image.new("RGB", BLANK, "white")
        try:
            return open_rgb(source)
        except alignkit.DataError as error:
            if self.blank:
                return Image.new("RGB", BLANK, "white")
            raise type(error)(f"picture of sample {self.ids[i]}: {error}{self.advice}") from None


def usable(
    task: str, ids: Sequence[str], sources: Sequence[Source], policy: str, notes: Counter[str]
) -> tuple[list[int], Pictures]:
    """Apply the policy for pictures that are missing, broken or oversized.

    With ``error``, pictures get a cheap check; one that passes and cannot be decoded stops what
    needs it. With the other policies every picture is decoded once, and the result is remembered.

    Parameters
    ----------
    task : str
        The task with its options, for messages.
    ids : sequence of str
    sources : sequence of Source
    policy : str
        ``error`` stops, ``skip`` leaves out the samples, ``blank`` shows white pictures.
    notes : Counter
        Receives the number of such pictures.

    Returns
    -------
    rows : list of int
        The samples to keep.
    pictures : Pictures
        The pictures of these samples.

    Raises
    ------
    alignkit.DataError
        With the policy ``error``, if there are any.
    """
    advice = (
        f"use `task={task}{',' if ':' in task else ':'}images=skip` or images=blank, and see: "
        f"alignkit data verify {task}"
    )
    spelled = sum(isinstance(source, File) and source.respelled for source in sources)
    if spelled:
        notes["whose picture has another spelling of its name"] = spelled
    if policy == "error":
        _refuse(task, ids, sources, advice)
        return list(range(len(sources))), Pictures(ids, sources, advice=f"; {advice}")
    faults = faults_in_decoding(sources)
    done = "left out" if policy == "skip" else "shown blank"
    notes.update(f"picture {fault.kind}, {done}" for fault in faults.values())
    if faults:
        first = next(iter(faults))
        current_reporter().note(
            f"{task}: {_counted(fault.kind for fault in faults.values())} of {len(sources)} "
            f"pictures {done}; the first is that of sample {ids[first]}: {faults[first].message}; "
            f"all of them: alignkit data verify {task}"
        )
    rows = [i for i in range(len(sources)) if policy == "blank" or i not in faults]
    shown = [None if i in faults else sources[i] for i in rows]
    return rows, Pictures([ids[i] for i in rows], shown, blank=policy == "blank")


def _refuse(task: str, ids: Sequence[str], sources: Sequence[Source], advice: str) -> None:
    """Raise an error if any picture is missing or does not pass a cheap check."""
    faults: Mapping[int, str] = {
        i: fault for i, source in enumerate(sources) if (fault := source.fault())
    }
    if faults:
        first = next(iter(faults))
        raise alignkit.DataError(
            f"{task}: {_counted(faults.values())} of {len(sources)} pictures; the first is "
            f"{faults[first]}: id {ids[first]}, {sources[first]}; {advice}"
        )


def _counted(kinds: Iterable[str]) -> str:
    counts = Counter(kinds)
    return " and ".join(f"{counts[kind]} {kind}" for kind in sorted(counts))
