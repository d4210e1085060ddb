"""Registered targets, which a task may let its users choose by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alignkit.contracts.guard import whose
from alignkit.errors import UsageError
from alignkit.plugins.registry import Entry
from alignkit.runs.config import Choice, choose
from alignkit.tasks import Binary, Target

# Options of a target within an option of a task, where a comma would end it.
_BETWEEN = re.compile(r"\+(?=[a-z_]\w*=)")


@dataclass(frozen=True)
class TargetChoice:
    """A registered target with its options.

    Attributes
    ----------
    choice : Choice
    """

    choice: Choice

    @property
    def reads(self) -> Literal["label", "labels", "number"]:
        """What it is given of each sample: the index of a label, zeros and ones, or a number."""
        reads: Literal["label", "labels", "number"]
        reads = self.choice.entry.declarations.get("reads", "label")
        return reads

    def make(self, labels: Sequence[str]) -> Target:
        """Return the target for these labels; for a number, the name of what is predicted.

        Raises
        ------
        UsageError
            Where it does not go with these labels.
        PluginError
            Where what the plugin makes is no target.
        """
        target: Target = self.choice.make(labels=tuple(labels))
        if isinstance(target, Binary) and len(labels) != 2:
            raise UsageError(f"a binary target has two labels, but there are {len(labels)}")
        return target


def choose_target(spec: str) -> TargetChoice:
    """Resolve a registered target, ``name:key=value``; several options are joined by ``+``.

    Parameters
    ----------
    spec : str

    Raises
    ------
    UsageError
        For an unknown name or option.
    """
    chosen = choose("targets", _BETWEEN.sub(",", spec))
    if "labels" in chosen.changed:
        raise UsageError(f"'{spec}' sets the labels, which are those of the data; leave them out")
    return TargetChoice(chosen)


def target_entry(target: Target | None) -> Entry | None:
    """Return the registered name, of another distribution than alignkit, that made a target."""
    owner = whose(target)
    if not isinstance(owner, Entry) or owner.kind != "targets":
        return None
    return owner if owner.plugin.distribution != "alignkit" else None
