"""Samples that are not exchangeable as they stand: classes they share, and groups they form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import UsageError
from alignkit.metrics.classes import (
    PerClass,
    digest,
    label_basis,
    without_class_means,
    without_labels,
)
from alignkit.metrics.metric import Metric
from alignkit.metrics.representation import Representation

MANY_LEFT_OUT = (
    "; where most sets of labels occur once, `within=label:residuals` keeps all samples, as it "
    "removes the labels by regression"
)


@dataclass(frozen=True, eq=False)
class Design:
    """Which samples may be exchanged for which others.

    Without classes and groups, any sample may be exchanged for any other.

    Attributes
    ----------
    within : ndarray (n,) of int, optional
        The class of every sample, from 0. Values are those within classes, and permutations
        exchange samples of one class only.
    groups : ndarray (n,) of int, optional
        The group of every sample, from 0, such as the captions of one picture. Samples of one
        group are not neighbours; whole groups are permuted and resampled.
    names : (str, str)
        What the classes and the groups are called, for messages.
    labels : ndarray (n, labels), optional
        Zeros and ones, instead of classes: values are those of what a linear regression on the
        labels leaves, and any sample may be exchanged for any other.
    """

    within: np.ndarray | None = None
    groups: np.ndarray | None = None
    names: tuple[str, str] = ("within", "groups")
    labels: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        within: Sequence[Any] | np.ndarray | None = None,
        groups: Sequence[Any] | np.ndarray | None = None,
        names: tuple[str, str] = ("within", "groups"),
    ) -> Design:
        """Make a design from a label per sample, numbers or texts, and check that it is one.

        Rows of a label matrix, ``(n, labels)``, are sets of labels; equal sets are one class.

        Raises
        ------
        UsageError
            When a label is missing, nothing could be exchanged, classes or groups change
            nothing, or a group lies in several classes.
        """
        codes = [
            None if labels is None else _codes(labels, name)
            for labels, name in zip((within, groups), names, strict=True)
        ]
        design = cls(codes[0], codes[1], names)
        design._check()
        return design

    @classmethod
    def of_residuals(
        cls,
        labels: Sequence[Collection[str]],
        groups: Sequence[Any] | np.ndarray | None = None,
        names: tuple[str, str] = ("within", "groups"),
    ) -> Design:
        """Make a design of the residuals of a regression on sets of labels, one per sample.

        Raises
        ------
        UsageError
            When all samples have the same labels, there are too many labels for the samples,
            or groups change nothing.
        """
        known = sorted({label for those in labels for label in those})
        matrix = np.array([[label in those for label in known] for those in labels], dtype=float)
        matrix = matrix.reshape(len(labels), len(known))
        rank = label_basis(matrix).shape[1]
        if not rank:
            raise UsageError(
                f"all {len(labels)} samples have the same labels of `{names[0]}`: the residuals "
                "are the plain values; leave it out"
            )
        if rank >= len(labels) - 2:
            raise UsageError(
                f"`{names[0]}` has {len(known)} labels for {len(labels)} samples: a regression on "
                "them leaves nothing; name a column with fewer labels"
            )
        codes = None if groups is None else _codes(groups, names[1])
        design = cls(None, codes, names, matrix)
        design._check()
        return design

    @property
    def is_plain(self) -> bool:
        """Whether there are neither classes nor groups nor labels."""
        return self.permutes_freely and self.labels is None

    @property
    def permutes_freely(self) -> bool:
        """Whether any sample may be exchanged for any other."""
        return self.within is None and self.groups is None

    def check_length(self, n: int) -> None:
        """Refuse a design of another number of samples.

        Raises
        ------
        UsageError
        """
        of_classes = self.within if self.labels is None else self.labels
        for codes, name in zip((of_classes, self.groups), self.names, strict=True):
            if codes is not None and len(codes) != n:
                raise UsageError(f"`{name}` has {len(codes)} values, and there are {n} samples")

    def __getitem__(self, rows: np.ndarray) -> Design:
        """Return the design of some samples."""
        within, groups = (
            None if codes is None else np.unique(codes[rows], return_inverse=True)[1]
            for codes in (self.within, self.groups)
        )
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, within=within, groups=groups, labels=labels)

    @cached_property
    def exchangeable(self) -> list[np.ndarray]:
        """Sets of units that may be exchanged: each ``(units, size)`` of row numbers.

        A unit is a group, or a sample where there are no groups; those of one set are in the
        same class and of the same size.
        """
        assert not self.permutes_freely
        units: dict[tuple[int, int], list[np.ndarray]] = {}
        for rows in self._units():
            code = 0 if self.within is None else int(self.within[rows[0]])
            units.setdefault((code, len(rows)), []).append(rows)
        return [np.stack(units[key]) for key in sorted(units)]

    def orders(self, n: int, permutations: int, seed: int) -> list[Tensor]:
        """Return random orders of the n samples that exchange only what may be exchanged."""
        rng = np.random.default_rng([seed, n])
        if self.permutes_freely:
            return [torch.from_numpy(rng.permutation(n)) for _ in range(permutations)]
        orders = []
        for _ in range(permutations):
            order = np.arange(n)
            for units in self.exchangeable:
                order[units.ravel()] = units[rng.permutation(len(units))].ravel()
            orders.append(torch.from_numpy(order))
        return orders

    def halves(self, n: int, resamples: int, seed: int) -> list[np.ndarray]:
        """Return random halves of the samples, as sorted rows: of each class, of whole groups."""
        rng = np.random.default_rng([seed, n, 2])
        if self.permutes_freely:
            return [np.sort(rng.choice(n, max(2, n // 2), replace=False)) for _ in range(resamples)]
        units = self._units()
        codes = np.array([0 if self.within is None else self.within[rows[0]] for rows in units])
        return [self._half(units, codes, rng) for _ in range(resamples)]

    def _half(
        self, units: list[np.ndarray], codes: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        chosen: list[np.ndarray] = []
        for code in range(codes.max() + 1):
            mine = np.flatnonzero(codes == code)
            size = (len(mine) + int(rng.integers(2))) // 2  # half a unit rounds either way
            chosen += [units[at] for at in rng.choice(mine, size, replace=False)]
        return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, int)

    def arrange(self, metric: Metric) -> Arrangement:
        """Return how a metric is measured in this design.

        Samples are left out whose class is too small: with none to exchange for, or, for a
        metric that is measured in each class, with fewer others than it needs.

        Raises
        ------
        UsageError
            When no class is large enough.
        """
        if self.within is None:
            kept = None
            adapted = metric if self.is_plain else _without_chance(metric)
            return Arrangement(adapted, self, kept, self._unexchanged())
        needed = _needed(metric)
        kept = self._kept(needed)
        if not len(kept):
            raise UsageError(
                f"{metric.spec}: no class of `{self.names[0]}` has {needed} samples, which it "
                "needs within a class"
            )
        design = self if len(kept) == len(self.within) else self[kept]
        assert design.within is not None
        if metric.declared.get("within") == "classes":
            classes = [np.flatnonzero(design.within == c) for c in range(design.within.max() + 1)]
            adapted = PerClass.of(metric, classes, closed=self.groups is None)
        else:
            adapted = _without_chance(metric)
        left = len(self.within) - len(kept)
        note = (
            f"{metric.spec} within {self.names[0]}: {left:,} of {len(self.within):,} samples are "
            f"left out, whose classes have fewer than {needed} samples"
            + MANY_LEFT_OUT
            * (2 * left > len(self.within))
        )
        notes = [note] * (left > 0) + [design._unexchanged()]
        rows = None if left == 0 else kept
        return Arrangement(adapted, design, rows, "; ".join(filter(None, notes)))

    def _kept(self, needed: int) -> np.ndarray:
        """Return the samples whose classes have enough, and more than one group, in order."""
        assert self.within is not None
        sizes = np.bincount(self.within)
        if self.groups is None:
            return np.flatnonzero(sizes[self.within] >= needed)
        # Others outside the largest group take the place of other samples.
        most = np.zeros(len(sizes), int)
        for rows in self._units():
            code = self.within[rows[0]]
            most[code] = max(most[code], len(rows))
        return np.flatnonzero((sizes - most + 1)[self.within] >= needed)

    def _unexchanged(self) -> str:
        """Say how many samples no permutation moves: their group has a size of its own."""
        if self.groups is None:
            return ""
        alone = sum(units.size for units in self.exchangeable if len(units) == 1)
        if not alone:
            return ""
        inside = f" within {self.names[0]}" if self.within is not None else ""
        return (
            f"{alone:,} of {len(self.groups):,} samples keep their place in permutations: their "
            f"group of `{self.names[1]}` is the only one of its size{inside}"
        )

    def _units(self) -> list[np.ndarray]:
        """Return the rows of every group, or every sample on its own."""
        if self.groups is None:
            assert self.within is not None
            return list(np.arange(len(self.within))[:, None])
        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.groups))[:-1])

    def _check(self) -> None:
        for problem in (*self._problems_of_classes(), *self._problems_of_groups()):
            raise UsageError(problem)
        if not self.permutes_freely and all(len(units) == 1 for units in self.exchangeable):
            raise UsageError(
                f"no two groups of `{self.names[1]}` have the same size"
                + (f" and class of `{self.names[0]}`" if self.within is not None else "")
                + ", so none can be exchanged for another"
            )

    def _problems_of_classes(self) -> Iterator[str]:
        if self.within is None:
            return
        n, largest = len(self.within), int(np.bincount(self.within).max())
        if largest == n:
            yield (
                f"all {n} samples have the same value of `{self.names[0]}`: values within one "
                "class are the plain ones; leave it out"
            )
        if largest == 1:
            yield (
                f"every one of the {n} samples has a value of `{self.names[0]}` of its own: "
                "nothing can be exchanged within classes; name a column whose values repeat, or "
                "for sets of labels take the residuals, as in `within=label:residuals`"
            )

    def _problems_of_groups(self) -> Iterator[str]:
        if self.groups is None:
            return
        n, largest = len(self.groups), int(np.bincount(self.groups).max())
        if largest == n:
            yield (
                f"all {n} samples have the same value of `{self.names[1]}`: one group cannot be "
                "exchanged for another; name a column with several groups"
            )
        if largest == 1:
            yield (
                f"every one of the {n} samples is a group of `{self.names[1]}` of its own, which "
                "changes nothing; leave it out, or name a column whose values repeat"
            )
        if self.within is not None and len(self.within) == n:
            for rows in self._units():
                others = rows[self.within[rows] != self.within[rows[0]]]
                if len(others):
                    yield (
                        f"samples {rows[0]} and {others[0]} are in one group of `{self.names[1]}` "
                        f"and in two classes of `{self.names[0]}`; a group must lie in one class"
                    )


PLAIN = Design()


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How a metric is measured in a design.

    Attributes
    ----------
    metric : Metric
        Takes layers as ``layer`` returns them.
    design : Design
        That of the samples that are kept.
    rows : ndarray or None
        The samples that are kept; None for all.
    note : str
        What a reader of the values should know; empty for nothing.
    """

    metric: Metric
    design: Design
    rows: np.ndarray | None
    note: str

    def layer(self, x: Representation) -> Representation:
        """Return a representation of the samples that are kept, as the metric takes it.

        Groups are attached; unless the metric is measured in each class, classes are moved to
        a common mean.
        """
        design, per_class = self.design, isinstance(self.metric, PerClass)
        if design.is_plain or (per_class and self.rows is None and design.groups is None):
            return x  # as it is: a view of itself would keep it for ever

        def make() -> Representation:
            layer = x if self.rows is None else x[self.rows]
            if design.within is not None and not per_class:
                layer = without_class_means(layer, design.within)
            if design.labels is not None:
                layer = without_labels(layer, design.labels)
            return layer if design.groups is None else layer.grouped(design.groups)

        return x.shared((*self._key, per_class), make)

    @cached_property
    def _key(self) -> tuple[str, bytes]:
        return "design", digest(
            self.rows, self.design.within, self.design.groups, self.design.labels
        )

    def reason(self, reason: str) -> str:
        """Return why a value is undefined: within classes, for instance a layer is constant."""
        if self.design.labels is not None:
            return f"{reason} once `{self.design.names[0]}` is removed"
        inside = self.design.within is not None
        return f"{reason} within classes of `{self.design.names[0]}`" if inside else reason


def _codes(labels: Sequence[Any] | np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(labels)
    if values.ndim == 2:
        codes: np.ndarray = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
        return codes
    if values.ndim != 1:
        raise UsageError(f"`{name}` has shape {values.shape}; expected one label per sample")
    missing = int((values == "").sum() if values.dtype.kind in "US" else (values != values).sum())
    if missing:
        raise UsageError(
            f"{missing:,} of {len(values):,} samples have no value of `{name}`; leave these "
            "samples out, or give each a value"
        )
    return np.unique(values, return_inverse=True)[1]


def _without_chance(metric: Metric) -> Metric:
    """Return the metric without its closed form of chance, which is over all permutations."""
    return replace(metric, declared={k: v for k, v in metric.declared.items() if k != "chance"})


def _needed(metric: Metric) -> int:
    """Return the least number of samples of a class in which a metric can be measured."""
    if metric.declared.get("within") != "classes":
        return 2
    k = metric.parameters.get("k")
    return max(4, k + 1) if isinstance(k, int) else 4
