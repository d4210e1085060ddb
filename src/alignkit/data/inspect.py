"""Inspect the data of a task: what they contain, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from alignkit.contracts.task import difference
from alignkit.errors import AlignkitError, DataError, MissingError, PluginError, UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.tasks import SPLITS, Pairs, Split, Target, Task, are_labels


@dataclass
class Findings:
    """The result of an inspection: plain values, ready for a table or JSON.

    Attributes
    ----------
    splits : list of dict
        For each split: the numbers of samples ``listed`` and ``used``, ``published``,
        ``without_label``, ``repeated_ids`` and ``repeated_texts``, of ``missing`` and
        ``broken`` images (None if images were not opened), and the loader's ``notes``.
    labels : list of dict
        For each label: the number of samples in each split.
    overlaps : list of dict
        For each two splits: the number of ``ids`` and ``texts`` that they share.
    pictures : list of dict
        Each image that cannot be opened: ``split``, ``id``, ``fault``, ``message``.
    problems : list of str
        One line for each problem.
    """

    splits: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    overlaps: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def inspect_data(task: Task, pictures: bool = False, reporter: Reporter = SILENT) -> Findings:
    """Inspect every split of a task.

    Parameters
    ----------
    task : Task
    pictures : bool
        Also decode every image, which is slow.
    reporter : Reporter

    Raises
    ------
    DataError
        If there are no data at all.
    """
    findings, listed = Findings(), dict[str, Split]()
    task.fingerprint()  # raises one clear error if there are no data
    for name in SPLITS:
        split = _listed_split(task, name, findings)
        if split is None:
            continue
        listed[name] = split
        row = _listed_counts(name, split, task.target)
        row |= _used_counts(task, name, findings, pictures)
        if split.targets is not None and not _has_labels(split, task.target):
            row["notes"]["targets that are numbers"] = len(split)
        if pictures:
            row |= _decode_images(name, split, findings, reporter)
        findings.splits.append(row)
    _compare_with_published(task, findings)
    _count_labels(task, listed, findings)
    _compare_splits(listed, findings)
    return findings


def _listed_split(task: Task, name: str, findings: Findings) -> Split | None:
    try:
        return getattr(task, "listed", task.split)(name)
    except UsageError:  # the task has no such split, and says so
        return None
    except (DataError, PluginError) as error:
        findings.problems.append(f"{name}: {error}")
        return None


def _listed_counts(name: str, split: Split, target: Target | None) -> dict[str, Any]:
    ids, texts = Counter(split.ids), Counter(split.texts)
    without = len(split)
    if split.targets is not None:
        labels = _has_labels(split, target)
        rows = split.targets.reshape(len(split), -1)
        numbers = rows.dtype.kind == "f"
        missing = rows < 0 if labels else np.isnan(rows) if numbers else np.zeros_like(rows, bool)
        without = int(missing.all(axis=1).sum()) if rows.size else 0
    return {
        "split": name,
        "listed": len(split),
        "used": None,
        "published": None,
        "without_label": without,
        "repeated_ids": len(split) - len(ids),
        "repeated_texts": len(split) - len(texts),
        "missing": None,
        "broken": None,
    }


def _used_counts(task: Task, name: str, findings: Findings, again: bool) -> dict[str, Any]:
    try:
        used = task.split(name)
        differs = difference(used, task.split(name)) if again else ""
    except AlignkitError as error:
        findings.problems.append(f"{name}: {error}")
        return {"used": 0, "notes": {}}
    unlabelled = task.target is None or isinstance(task.target, Pairs)
    if used.targets is None and not unlabelled and name != "test":
        findings.problems.append(f"{name}: no sample has a label")
    if len(set(used.ids)) < len(used):
        findings.problems.append(f"{name}: {len(used) - len(set(used.ids))} ids are repeated")
    if differs:
        findings.problems.append(f"{name}: other {differs}, or another order, when read again")
    return {"used": len(used), "notes": dict(used.notes)}


def _decode_images(
    name: str, split: Split, findings: Findings, reporter: Reporter
) -> dict[str, int]:
    """Decode every image of a split, and count the missing and the broken ones."""
    faults: dict[str, int] = {"missing": 0, "broken": 0}
    with reporter.progress(f"decode {name}", len(split)) as bar:
        for i, identity in enumerate(split.ids):
            try:
                split.image(i)
            except (DataError, PluginError) as error:
                fault = "missing" if isinstance(error, MissingError) else "broken"
                faults[fault] += 1
                findings.pictures.append(
                    {"split": name, "id": identity, "fault": fault, "message": str(error)}
                )
            bar.advance()
    for fault, count in faults.items():
        if count:
            first = next(p for p in findings.pictures if (p["split"], p["fault"]) == (name, fault))
            findings.problems.append(
                f"{name}: {count} of {len(split)} images {fault}, such as: {first['message']}"
            )
    return faults


def _compare_with_published(task: Task, findings: Findings) -> None:
    published: Mapping[str, Any] = getattr(task, "published", {})
    rows = {row["split"]: row for row in findings.splits}
    counts = {name: row["listed"] for name, row in rows.items()}
    counts["labels"] = len(task.target.labels) if task.target is not None else 0
    for key, expected in published.items():
        parts = key.split("+")
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        for part in parts:
            if part in rows:
                shown = f"{low}" if low == high else f"{low} to {high}"
                rows[part]["published"] = f"{shown} ({key})" if len(parts) > 1 else shown
        if not all(part in counts for part in parts):
            continue  # a missing split is reported already
        total = sum(counts[part] for part in parts)
        if not low <= total <= high:
            what = "labels" if key == "labels" else f"{key}: listed samples"
            findings.problems.append(
                f"{what}: {total}, published {low}" + (f" to {high}" if high > low else "")
            )


def _count_labels(task: Task, listed: Mapping[str, Split], findings: Findings) -> None:
    target = task.target
    names = list(target.labels) if target is not None else []
    counts = {name: _label_counts(split, target) for name, split in listed.items()}
    findings.labels = [
        {"label": label, **{name: counts[name][i] for name in listed if counts[name]}}
        for i, label in enumerate(names)
    ]
    if not any(counts.values()):
        findings.labels = []
    for row in findings.labels:
        if row.get("train") == 0:
            findings.problems.append(f"train: no sample has the label '{row['label']}'")


def _has_labels(split: Split, target: Target | None) -> bool:
    return split.targets is not None and target is not None and are_labels(target, split.targets)


def _label_counts(split: Split, target: Target | None) -> list[int]:
    """Return the number of samples with each label; nothing where the targets are no labels."""
    if target is None or split.targets is None or not are_labels(target, split.targets):
        return []
    targets = split.targets
    if targets.ndim == 2:
        return [int(count) for count in (targets > 0).sum(axis=0)]
    known = targets[targets >= 0].astype(np.int64)
    return [int(count) for count in np.bincount(known, minlength=len(target.labels))]


def _compare_splits(listed: Mapping[str, Split], findings: Findings) -> None:
    for first, second in combinations(listed, 2):
        ids = _count_shared(listed[first].ids, listed[second].ids)
        texts = _count_shared(listed[first].texts, listed[second].texts)
        findings.overlaps.append({"splits": f"{first}, {second}", "ids": ids, "texts": texts})
        if ids:
            findings.problems.append(f"{first} and {second} share {ids} ids")


def _count_shared(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many items of the second list are also in the first."""
    known = set(first)
    return sum(item in known for item in second)
