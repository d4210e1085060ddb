"""Labels of models that tell them apart in tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alignkit.analysis.comparison.models import Model
from alignkit.plugins.options import format_spec


def unique_labels(models: Sequence[Model]) -> dict[int, Model]:
    """Return the models by their id, with labels that tell them apart."""
    distinct = {id(model): model for model in models}
    named: dict[int, Model] = {}
    taken: set[str] = set()
    for key, model in distinct.items():
        alike = [other for other in distinct.values() if other.label == model.label]
        label = model.label
        if len(alike) > 1 and model.stores:
            label += _options_apart(model, alike)
            if label in taken:
                label = model.stores[0][0].name
        elif len(alike) > 1 and model.source:
            label = model.source
        number = 1
        while label in taken:
            number += 1
            label = f"{model.label} ({number})"
        taken.add(label)
        named[key] = replace(model, label=label)
    return named


def _options_apart(model: Model, alike: Sequence[Model]) -> str:
    """Return the options of an encoder that others of its label do not have, in brackets."""
    if model.choice is None:
        return ""
    others = [other.choice.options for other in alike if other.choice is not None]
    own = {
        name: value
        for name, value in model.choice.changed.items()
        if any(options.get(name) != value for options in others)
        and not isinstance(value, Path)
        and "/" not in str(value)
    }
    return f" ({format_spec('', own).removeprefix(':')})" if own else ""
