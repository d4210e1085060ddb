"""Grad-CAM on vision layers (Selvaraju et al. 2017): which patches speak for what is predicted?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alignkit.analysis.explaining.forward import (
    RUN_COLUMNS,
    UNIT,
    ForwardOptions,
    OpenModel,
    beside_untrained,
    of_models,
    precise,
)
from alignkit.analysis.tabled import Tabled
from alignkit.bounds.counts import check_count
from alignkit.errors import DataError, UsageError
from alignkit.models.pairs import MAXIMA, pairs_by_streams
from alignkit.models.schedule import depths, input_site, sites
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import unit_labels

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from alignkit.models.schedule import Schedule
    from alignkit.models.walk import StreamState

MAP_COLUMNS = (
    *RUN_COLUMNS,
    "layer",
    "depth",
    "sample",
    "predicted",
    "patches",
    "entropy",
    "normalised",
    "reason",
)


@dataclass(frozen=True)
class Picture:
    """A sample as it is drawn: what the model saw, and the maps of its layers.

    Attributes
    ----------
    columns : mapping
        ``RUN_COLUMNS``, with ``sample`` and ``predicted``.
    pixels : ndarray (height, width, 3)
        In [0, 1], whatever the model's own scale is.
    maps : mapping of str to ndarray (rows, columns)
        By layer; those that are undefined are left out.
    """

    columns: Mapping[str, Any]
    pixels: np.ndarray
    maps: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class GradCam(Tabled):
    """Where the gradient of the predicted output points, in trained and untrained models.

    Attributes
    ----------
    maps : DataFrame
        One row per run, weights, layer and sample, with ``MAP_COLUMNS``: the ``entropy`` of the
        map over patches in nats, and ``normalised`` by the logarithm of their number.
    layers : DataFrame
        Means over samples, then over the seeds of a unit: ``defined``, the share of samples that
        have a map, ``entropy``, ``normalised``, ``sd_samples``, ``sd_seeds``; and ``untrained``,
        the normalised entropy of the untrained models.
    pictures : list of Picture
        The first samples of the first run of every unit.
    settings : dict
    """

    maps: pd.DataFrame
    layers: pd.DataFrame
    pictures: list[Picture] = field(repr=False)
    settings: dict[str, Any]

    shown: ClassVar = ("layers",)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per map."""
        return {"maps": self.maps, "layers": self.layers}


def grad_cam_of_runs(
    runs: Sequence[Run],
    options: ForwardOptions,
    layers: str = "all",
    pictures: int = 4,
    reporter: Reporter = SILENT,
) -> GradCam:
    """Run models on samples, and return the maps of their vision layers.

    Parameters
    ----------
    runs : sequence of Run
        Those whose model cannot be run are left out and named, as long as there is one that can.
    options : ForwardOptions
    layers : str
        As for ``measure``: ``all``, ``last``, indices and ranges, or patterns of names.
    pictures : int
        How many samples of each unit to keep for drawing.
    reporter : Reporter

    Raises
    ------
    UsageError
        When the selection of layers cannot be read.
    AlignkitError
        When no model can be run.
    """
    import pandas as pd

    if layers.strip() in MAXIMA:
        raise UsageError(f"`layers={layers}` is the best of several pairs; name layers")
    check_count("pictures", pictures, 0)
    runs = _that_predict(runs, reporter)
    units = unit_labels(runs, "variant")
    first = {(run.task, units[run.path]): str(run.path) for run in reversed(runs)}
    shown = dict.fromkeys(first.values(), pictures)
    outputs: dict[str, list[tuple[int, float]]] = {}
    look = partial(_of_model, layers=layers, shown=shown, outputs=outputs)
    found = of_models(runs, options, look, "Grad-CAM", reporter)
    maps = pd.DataFrame([row for rows, _ in found for row in rows], columns=list(MAP_COLUMNS))
    return GradCam(
        maps,
        _over_samples_and_seeds(maps),
        [picture for _, kept in found for picture in kept],
        {
            "split": options.split,
            "samples": int(maps["sample"].nunique()),
            "seed": options.seed,
            "layers": layers,
        },
    )


def _that_predict(runs: Sequence[Run], reporter: Reporter) -> list[Run]:
    """Leave out, and name, runs whose head was trained on no labels."""
    reason = DataError("it was trained without labels, so its head predicts nothing to explain")
    kept = [run for run in runs if run.config.training.uses_labels]
    if not kept:
        raise DataError(f"{runs[0].path}: {reason}")
    for run in runs:
        if run not in kept:
            reporter.left_out(str(run.path), reason)
    return kept


def _of_model(
    opened: OpenModel,
    layers: str,
    shown: Mapping[str, int],
    outputs: dict[str, list[tuple[int, float]]],
) -> tuple[list[dict[str, Any]], list[Picture]]:
    path = str(opened.columns["model"])
    grouped = pairs_by_streams(opened.schedule, layers, "vision")
    chosen = list(dict.fromkeys(x for x, _ in grouped["vision-vision"]))
    places = depths(sites(opened.schedule, "vision"))
    opened.model.requires_grad_(False)  # gradients of what is between, not of the weights
    rows: list[dict[str, Any]] = []
    kept: list[Picture] = []
    left = shown.get(path, 0)
    asked = outputs.get(path)  # of the trained model, for the untrained one too
    made: list[tuple[int, float]] = []
    for numbers, batch in opened.batches():
        start = len(made)
        own = None if asked is None else asked[start : start + len(numbers)]
        cams, why, used = class_activation_maps(opened.model, opened.schedule, batch, chosen, own)
        made += used
        for i, number in enumerate(numbers):
            columns = opened.columns | {
                "sample": opened.data.split.ids[int(number)],
                "predicted": _name(opened, *used[i]),
            }
            rows += [
                columns | _row(site, places[site], cams[site][i], why[site]) for site in chosen
            ]
            if left > len(kept):
                maps = {site: _as_grid(cams[site][i]) for site in chosen if cams[site][i].any()}
                kept.append(Picture(columns, _pixels(batch, i), maps))
    outputs.setdefault(path, made)
    return rows, kept


def class_activation_maps(
    model: Any,
    schedule: Schedule,
    batch: Mapping[str, Mapping[str, Tensor]],
    layers: Sequence[str],
    outputs: Sequence[tuple[int, float]] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, str], list[tuple[int, float]]]:
    """Return Grad-CAM of vision sites: ReLU(Σ w a) over channels, w the mean gradient of a.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    schedule : sequence of steps
    batch : mapping
        Inputs by stream.
    layers : sequence of str
        Sites of the vision stream.
    outputs : sequence of (int, float), optional
        Of each sample, which logit to explain and its sign; by default what is predicted: the
        largest logit, or the only one with its sign.

    Returns
    -------
    dict of str to ndarray (batch, patches)
        The maps by site; zero throughout where nothing speaks for the output.
    dict of str to str
        Why maps of a site may be zero throughout.
    list of (int, float)
        What was explained.
    """
    import torch

    from alignkit.contracts.model import run_model

    states: dict[str, StreamState] = {}

    def begin(step: Any, now: dict[str, StreamState]) -> None:
        if not states:  # a gradient needs something to begin with: the embedded patches
            tokens = now["vision"].tokens.detach().requires_grad_()
            now["vision"] = states[input_site("vision")] = now["vision"].with_tokens(tokens)
        del step

    with torch.enable_grad():
        logits = run_model(model, schedule, batch, states.__setitem__, begin)
        used = _predicted(logits) if outputs is None else list(outputs)
        chosen = torch.stack(
            [sign * logits[i, index] for i, (index, sign) in enumerate(used)]
        ).sum()
        found = [states[site].tokens for site in layers]
        gradients: Sequence[Tensor | None] = [None] * len(found)
        if chosen.requires_grad:
            gradients = torch.autograd.grad(chosen, found, allow_unused=True)
    cams: dict[str, np.ndarray] = {}
    why: dict[str, str] = {}
    for site, gradient in zip(layers, gradients, strict=True):
        content = states[site].content[0]
        tokens = precise(states[site].tokens.detach()[:, content])
        if gradient is None or not bool(gradient[:, content].any()):
            cams[site] = np.zeros(tokens.shape[:2])
            why[site] = "the output does not depend on its patches"
            continue
        weights = precise(gradient[:, content]).mean(1, keepdim=True)
        cams[site] = (weights * tokens).sum(-1).relu().cpu().numpy()
        why[site] = "no patch speaks for the output"
    return cams, why, used


def _predicted(logits: Tensor) -> list[tuple[int, float]]:
    logits = logits.detach()
    if logits.shape[1] == 1:
        return [(0, 1.0 if float(value) > 0 else -1.0) for value in logits[:, 0]]
    return [(int(index), 1.0) for index in logits.argmax(1)]


def _name(opened: OpenModel, index: int, sign: float) -> str:
    """Return the label that an output stands for; one output tells two labels apart."""
    labels = opened.labels
    if opened.outputs == 1:
        index = int(sign > 0)
    return labels[index] if index < len(labels) else f"output {index}"


def _row(site: str, depth: float, cam: np.ndarray, why: str) -> dict[str, Any]:
    row: dict[str, Any] = {"layer": site, "depth": depth, "patches": cam.size}
    if not cam.any():
        return row | {"entropy": np.nan, "normalised": np.nan, "reason": why}
    share = cam[cam > 0] / cam.sum()
    entropy = float(-(share * np.log(share)).sum()) + 0.0
    most = np.log(cam.size)
    return row | {
        "entropy": entropy,
        "normalised": entropy / most if most else np.nan,
        "reason": "",
    }


def _as_grid(cam: np.ndarray) -> np.ndarray:
    side = isqrt(cam.size)
    if side * side != cam.size:
        raise DataError(
            f"its vision stream has {cam.size} patches, which make no square; expected one token "
            "per patch of a square picture"
        )
    return cam.reshape(side, side)


def _pixels(batch: Mapping[str, Mapping[str, Tensor]], number: int) -> np.ndarray:
    """Return what the model saw of a picture, stretched to [0, 1]."""
    pictures = (value for value in batch["vision"].values() if value.ndim == 4)
    values = next(pictures)[number].detach().float().cpu().numpy().transpose(1, 2, 0)
    low, high = float(values.min()), float(values.max())
    stretched: np.ndarray = (values - low) / ((high - low) or 1.0)
    return stretched


def _over_samples_and_seeds(maps: pd.DataFrame) -> pd.DataFrame:
    """Return means over samples, then over the seeds of a unit, trained beside untrained."""
    own = [*UNIT, "layer", "depth"]
    keys = [*own, "weights"]
    per_run = maps.groupby([*keys, "model"], sort=False).agg(
        n=("sample", "count"),
        defined=("normalised", lambda values: float(values.notna().mean())),
        entropy=("entropy", "mean"),
        normalised=("normalised", "mean"),
        sd_samples=("normalised", "std"),
        reason=("reason", lambda given: next((g for g in given if g), "")),
    )
    grouped = per_run.groupby(keys, sort=False)
    table = grouped[["n", "defined", "entropy", "normalised", "sd_samples"]].mean()
    table.insert(0, "runs", grouped.size())
    table["sd_seeds"] = grouped["normalised"].std()
    table["reason"] = grouped["reason"].agg(lambda given: next((g for g in given if g), ""))
    table = table.reset_index().astype({"n": int})
    return beside_untrained(table, own, {"defined": "untrained_defined", "normalised": "untrained"})
