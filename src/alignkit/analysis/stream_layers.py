"""The layers of single streams: which of them an analysis looks at, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignkit.analysis.comparison.models import Model
from alignkit.errors import UsageError
from alignkit.models.pairs import MAXIMA, SelectionError, pairs_by_streams, select_array_pairs
from alignkit.models.schedule import depths, input_site, sites
from alignkit.progress import SILENT, Reporter
from alignkit.runs.units import unit_labels

# What tells the models of a table apart.
MODEL_COLUMNS = ("task", "placement", "unit", "seed", "model", "stream")


@dataclass(frozen=True)
class Stream:
    """One stream of a model, with the layers that an analysis looks at.

    Attributes
    ----------
    model : Model
    depths : mapping of str to float
        Where each of its layers stands, in the order of the forward pass.
    columns : mapping of str to value
        ``MODEL_COLUMNS``: the unit is a placement with certain options, or else the model.
    places : mapping of str to float
        Where all of its layers stand, chosen or not, with the sites of runs.
    """

    model: Model
    depths: Mapping[str, float]
    columns: Mapping[str, Any]
    places: Mapping[str, float]

    @property
    def name(self) -> str:
        """What it is called where it is left out."""
        return self.model.source or self.model.label

    @property
    def layers(self) -> list[str]:
        """Its layers without embeddings and fusions, in the order of the forward pass."""
        if self.model.run is None:
            return list(self.places)
        return [site for site in self.places if "." not in site]

    @property
    def fusions(self) -> list[float]:
        """Where the fusions stand; none of encoders and arrays."""
        if self.model.run is None:
            return []
        return [place for site, place in self.places.items() if ".f" in site]


def chosen_streams(
    models: Sequence[Model], layers: str = "all", reporter: Reporter = SILENT
) -> list[Stream]:
    """Choose layers of models; a model that has none of them is left out, and named.

    Parameters
    ----------
    models : sequence of Model
    layers : str
        ``all``, ``last``, indices and ranges, or patterns of names; of runs also ``fusions``,
        ``before`` and ``after``.

    Raises
    ------
    UsageError
        When the selection cannot be read, or no model has such layers.
    """
    layers = layers.strip()
    if layers in MAXIMA:
        raise UsageError(
            f"`layers={layers}` is the best of several pairs; expected all, last, indices and "
            "ranges (0,3,7-11), or patterns of names"
        )
    units = unit_labels([model.run for model in models if model.run is not None], "variant")
    _say_variants(models, units, reporter)
    chosen, failed = [], dict[str, SelectionError]()
    for model in models:
        try:
            names = _selected(model, layers)
        except SelectionError as error:
            failed[model.source if model.run is None else str(model.run.path)] = error
            continue
        if names:
            chosen.append(_stream(model, names, units))
    if not chosen:
        raise next(iter(failed.values()))
    for name, reason in failed.items():
        reporter.left_out(name, reason)
    return chosen


def _say_variants(models: Sequence[Model], units: Mapping[Path, str], reporter: Reporter) -> None:
    runs = [model.run for model in models if model.run is not None]
    variants = sorted({units[run.path] for run in runs if units[run.path] != run.placement})
    if variants:
        reporter.note(
            f"note: runs of one placement differ in their options ({'; '.join(variants)}): "
            "tables tell them apart, and tests over placements average them"
        )


def _selected(model: Model, layers: str) -> list[str]:
    """Return the layers of a model that are selected; none of a stream that is not named."""
    if model.run is None:
        chosen = select_array_pairs(model.layers, model.layers, layers)
        return list(dict.fromkeys(model.layers[i] for i, _ in chosen))
    grouped = pairs_by_streams(model.run.schedule(), layers, "text,vision")
    pairs = grouped.get(f"{model.stream}-{model.stream}", [])
    names = list(dict.fromkeys(x for x, _ in pairs))
    embeddings = input_site(model.stream)
    # The first token is the same for every sample before anything is mixed into it.
    if layers == "all" and "cls" not in model.pools.values() and embeddings in _recorded(model):
        return [embeddings, *names]
    return names


def _recorded(model: Model) -> list[str]:
    return sites(model.run.schedule(), model.stream) if model.run is not None else []


def _stream(model: Model, names: Sequence[str], units: Mapping[Path, str]) -> Stream:
    run = model.run
    if run is None:
        places = {name: float(i) for i, name in enumerate(model.layers)}
        task = model.stores[0][0].task if model.stores else ""
        own: tuple[Any, ...] = (task, "", model.label, None, model.label, model.stream)
    else:
        places = depths(_recorded(model))
        own = (run.task, run.placement, units[run.path], run.seed, str(run.path), model.stream)
    return Stream(
        model,
        {name: places[name] for name in sorted(names, key=places.__getitem__)},
        dict(zip(MODEL_COLUMNS, own, strict=True)),
        places,
    )
