"""What a task gives: splits of samples, a target that goes with them, a fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from alignkit.contracts.guard import Guarded, of_type
from alignkit.contracts.target import GuardedTarget, check_targets
from alignkit.plugins.calls import PluginCall, described
from alignkit.tasks import Split, Target


class GuardedTask(Guarded):
    """A task whose splits, target and fingerprint are checked whenever they are asked for."""

    required = ("target", "split", "fingerprint")

    @property
    def target(self) -> Target | None:
        """What the task predicts; None for pairs without labels."""
        call = self._call("its `target`", "an alignkit.Target, or None for pairs without labels")
        target = self._read(call, "target")
        if target is None:
            return None
        if not isinstance(target, Target):
            raise call.gave(target)
        if issubclass(type(target), GuardedTarget):  # a registered one, whose owner is another
            return target
        return GuardedTarget(target, self._owner)  # type: ignore[return-value]

    def split(self, name: str) -> Split:
        """Return a split, as ``check_split`` returns it."""
        call = self._call(f"its split '{name}'", "an alignkit.Split")
        split = check_split(call, self._ask(call, "split", name))
        if split.targets is None:
            return split
        call = self._call(f"the targets of its split '{name}'")
        target = self.target
        return split if target is None else check_targets(call, split, target)

    def fingerprint(self) -> str:
        """Return the fingerprint of the data."""
        call = self._call("its fingerprint", "text that is the same whenever the data are")
        fingerprint = self._ask(call, "fingerprint")
        if not isinstance(fingerprint, str) or not fingerprint:
            raise call.gave(fingerprint)
        return fingerprint


def _listed(call: PluginCall, split: Any) -> Split:
    """Check a split as it is listed, where ids may repeat and labels be missing."""
    return check_split(call, split, listed=True)


_text_or_none = of_type((str, type(None)), "text or None")
GuardedTask.optional = {
    "listed": _listed,
    "content_digest": _text_or_none,
    "split_fingerprint": _text_or_none,
    "published": of_type(Mapping, "numbers by the name of a split"),
}


class GuardedImage:
    """``Split.image`` of a plugin, whose pictures are checked."""

    def __init__(self, image: Callable[[int], Any], split: Split, call: PluginCall) -> None:
        self.image, self.ids, self.call = image, split.ids, call

    def __call__(self, index: int) -> Any:
        """Return the picture of a sample."""
        sample = self.ids[index]
        call = PluginCall(
            self.call.owner,
            f"the picture of sample '{sample}'",
            "an RGB picture of PIL, or an (height, width, 3) array of uint8",
        )
        with call:
            picture = self.image(index)
        if isinstance(picture, np.ndarray):
            rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
            if not rgb or not picture.size:
                raise call.gave(picture)
        elif getattr(picture, "mode", None) != "RGB":
            mode = getattr(picture, "mode", "")
            raise call.failed(f"gave one in mode {mode}") if mode else call.gave(picture)
        return picture


def check_split(call: PluginCall, split: Any, listed: bool = False) -> Split:
    """Return a split whose pictures are checked as they are opened.

    Parameters
    ----------
    call : PluginCall
        That gave the split.
    split
        What it gave.
    listed : bool
        Whether it is as listed in annotations: ids may repeat.

    Raises
    ------
    PluginError
        If its lists are not as long as each other, or hold anything but texts; if ids repeat; if
        notes are not counts or facts not texts.
    """
    if not isinstance(split, Split):
        raise call.gave(split)
    call = call.without_expected()
    for name in ("ids", "texts"):
        _check_texts(call, name, getattr(split, name))
    n = len(split.ids)
    if len(split.texts) != n:
        raise call.failed(f"gave {n} ids but {len(split.texts)} texts")
    if not listed and len(set(split.ids)) < n:
        sample, times = Counter(split.ids).most_common(1)[0]
        raise call.failed(f"gave the id '{sample}' to {times} samples; ids are unique")
    if not callable(split.image):
        raise call.failed(f"gave {described(split.image)} as `image`; it is called with an index")
    if split.targets is not None:
        if not isinstance(split.targets, np.ndarray):
            what = described(split.targets)
            raise call.failed(f"gave {what} as `targets`; expected a numpy array or None")
        if split.targets.ndim == 0 or len(split.targets) != n:
            raise call.failed(f"gave {n} ids but targets of shape {split.targets.shape}")
    _check_notes(call, split.notes)
    _check_facts(call, split.facts, n)
    return replace(split, image=GuardedImage(split.image, split, call))


def _check_texts(call: PluginCall, name: str, values: Any) -> None:
    if isinstance(values, str) or not (hasattr(values, "__len__") and hasattr(values, "__iter__")):
        raise call.failed(f"gave {described(values)} as `{name}`; expected a list of texts")
    wrong = next((kind for kind in set(map(type, values)) if not issubclass(kind, str)), None)
    if wrong is not None:
        index, value = next((i, v) for i, v in enumerate(values) if type(v) is wrong)
        raise call.failed(f"gave {described(value)} at {index} of `{name}`; expected text")


def _check_notes(call: PluginCall, notes: Any) -> None:
    counts = isinstance(notes, Mapping) and all(
        isinstance(note, str) and isinstance(count, int | np.integer)
        for note, count in notes.items()
    )
    if not counts:
        raise call.failed(f"gave {described(notes)} as `notes`; expected counts by text")


def _check_facts(call: PluginCall, facts: Any, n: int) -> None:
    if not isinstance(facts, Mapping):
        raise call.failed(f"gave {described(facts)} as `facts`; expected lists of texts by name")
    for name, values in facts.items():
        _check_texts(call, f"facts['{name}']", values)
        if len(values) != n:
            raise call.failed(f"gave {n} ids but {len(values)} texts as the fact '{name}'")


def difference(first: Split, again: Split) -> str:
    """Return what differs between a split and itself when asked for again; empty for nothing."""
    for name in ("ids", "texts"):
        if list(getattr(first, name)) != list(getattr(again, name)):
            return name
    one, other = first.targets, again.targets
    same = one is other or (
        one is not None and other is not None and np.array_equal(one, other, equal_nan=True)
    )
    return "" if same else "targets"
