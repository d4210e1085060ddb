"""Checks that a task provides what training and evaluation need."""

from __future__ import annotations

from typing import Any

from alignkit.contracts.task import GuardedTask, difference
from alignkit.plugins.calls import PluginCall
from alignkit.tasks import SPLITS, Split, Task
from alignkit.testing.faults import as_failures, owner_of
from alignkit.testing.target import check_target


def check_task(task: Any, splits: tuple[str, ...] = SPLITS) -> dict[str, int]:
    """Read a task's splits, open pictures, and score made-up logits.

    Parameters
    ----------
    task : str or Task
        As ``name:key=value``, or the thing itself.
    splits : tuple of str
        Those to check; a test split without labels is not an error.

    Returns
    -------
    dict of str to int
        Samples per split.

    Raises
    ------
    AssertionError
        When lists differ in length, ids repeat within or between splits, a picture is not
        RGB, labels are beyond those of the target, targets do not go with the loss and scores,
        a score leaves its range, a declared score is missing, or the fingerprint, the digest of
        the content, the samples or their labels do not repeat.
    """
    from alignkit.runs.config import choose

    with as_failures():
        owner = owner_of("tasks", task)
        made: Any = (
            choose("tasks", task).make() if isinstance(task, str) else GuardedTask(task, owner)
        )
        seen: dict[str, str] = {}
        counts = {}
        for name in splits:
            call = PluginCall(owner, f"its split '{name}'")
            split = made.split(name)
            _check_samples(call, split)
            differs = difference(split, made.split(name))
            if differs:
                raise call.failed(f"gave other {differs}, or another order, when asked again")
            _check_labels(call, split, name, made)
            for sample in split.ids:
                if sample in seen:
                    raise call.failed(f"gave the sample id '{sample}', which is in {seen[sample]}")
                seen[sample] = name
            counts[name] = len(split)
        _check_digests(made, splits, owner)
        return counts


def _check_samples(call: PluginCall, split: Split) -> None:
    n = len(split.ids)
    if not n:
        raise call.failed("gave no samples")
    for i in sorted({0, n // 2, n - 1}):
        split.image(i)


def _check_labels(call: PluginCall, split: Split, name: str, task: Task) -> None:
    target = task.target
    if target is None or not target.n_outputs:
        return
    if split.targets is not None:
        check_target(target, split.targets, of=call.owner)
    elif name != "test":
        raise call.failed("gave no targets, which training and scoring need")


def _check_digests(task: Any, splits: tuple[str, ...], owner: Any) -> None:
    if task.fingerprint() != task.fingerprint():
        raise PluginCall(owner, "its fingerprint").failed("gave another one when asked again")
    for method in ("content_digest", "split_fingerprint"):
        for name in splits if hasattr(task, method) else ():
            digest = getattr(task, method)
            if digest(name) != digest(name):
                call = PluginCall(owner, f"`{method}` of {name}")
                raise call.failed("gave another one when asked again")
