"""Checks that a section of a report can be made, and is the same each time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alignkit.analysis.options import TableOptions
from alignkit.report.content import Content, gather
from alignkit.report.figures.folder import FigureFolder
from alignkit.report.sections import AddedSection, make_section, shown_section
from alignkit.report.style import looks
from alignkit.runs.config import choose

if TYPE_CHECKING:
    from alignkit.runs import Run

_PLACEMENTS = ("a", "b", "c", "d")
_LAYERS, _SEEDS = 3, 2


def check_section(section: str, runs: Sequence[Run] = ()) -> AddedSection | None:
    """Make a section of a report, with its tables and figures, twice.

    Parameters
    ----------
    section : str
        A registered section, as ``name:key=value``.
    runs : sequence of Run, optional
        Measured runs. Without, the tables are made up, and there are no ``runs``.

    Returns
    -------
    AddedSection or None
        The section as a page shows it; None where it has nothing to show.

    Raises
    ------
    AssertionError
        When it has no title, or is another section the second time.
    PluginError
        When it fails, or is no section.
    """
    choice = choose("sections", section)
    content = gather(runs, TableOptions(())) if runs else _made_up()
    found: list[AddedSection | None] = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            made = make_section(choice, content)
            shown = shown_section(choice, made, FigureFolder(Path(folder))) if made else None
        found.append(shown)
    if found[0] != found[1]:
        raise AssertionError(f"section '{section}' is another one the second time")
    if found[0] is not None and not found[0].title.strip():
        raise AssertionError(f"section '{section}' has no title")
    return found[0]


def _made_up() -> Content:
    rng = np.random.default_rng(0)
    keys = [
        {"task": "made_up", "placement": name, "seed": seed}
        for name in _PLACEMENTS
        for seed in range(_SEEDS)
    ]
    alignment = [
        key
        | {"metric": "made_up", "parameters": "", "label": "made_up"}
        | {"x": f"t{i:02d}", "y": f"v{j:02d}", "value": float(rng.random()), "chance": 0.1}
        for key in keys
        for i in range(_LAYERS)
        for j in range(_LAYERS)
    ]
    scores = [key | {"score": "accuracy", "value": float(rng.random()), "n": 100} for key in keys]
    history = [
        key
        | {"epoch": epoch, "split": split, "loss": 1.0 / (1 + epoch)}
        | {"value": float(rng.random()), "score": "accuracy"}
        for key in keys
        for epoch in range(3)
        for split in ("train", "validation")
    ]
    at: dict[str, Mapping[str, Sequence[int]]] = {
        name: {"text": [number], "vision": [number]} for number, name in enumerate(_PLACEMENTS)
    }
    return Content(
        runs=[],
        alignment=pd.DataFrame(alignment),
        scores=pd.DataFrame(scores),
        history=pd.DataFrame(history),
        placements={"made_up": at},
        look=looks(_PLACEMENTS),
        options=TableOptions(("made_up",)),
    )
