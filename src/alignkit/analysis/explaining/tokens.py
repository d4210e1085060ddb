"""Similarities of single tokens and patches: the closest of the other side, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

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
from alignkit.errors import DataError
from alignkit.models.schedule import Schedule, depths, sites
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import unit_labels

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from alignkit.models.walk import StreamState

TO_PATCHES, TO_TOKENS = "token-patch", "patch-token"
PAIR_COLUMNS = (*RUN_COLUMNS, "direction", "x", "y", "depth", "n", "value", "sd", "mismatched")


@dataclass(frozen=True)
class TokenSimilarities(Tabled):
    """How similar tokens and patches are to the closest of the other side.

    Attributes
    ----------
    pairs : DataFrame
        One row per run, weights, pair of sites and direction, with ``PAIR_COLUMNS``: ``value``
        and its standard deviation over samples, and the value of ``mismatched`` pairs, in which
        each text stands with the picture of another sample.
    layers : DataFrame
        Means over the seeds of a unit, with ``sd_seeds``, and those of the ``untrained`` models.
    placements : mapping
        Task and unit to the layer indices of the fusions.
    settings : dict
    """

    pairs: pd.DataFrame
    layers: pd.DataFrame
    placements: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]
    settings: dict[str, Any]

    shown: ClassVar = ("layers",)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per run, pair and direction."""
        return {"pairs": self.pairs, "layers": self.layers}


def tokens_of_runs(
    runs: Sequence[Run], options: ForwardOptions, reporter: Reporter = SILENT
) -> TokenSimilarities:
    """Run models on samples, and compare single tokens with single patches.

    Parameters
    ----------
    runs : sequence of Run
        Those whose model cannot be run, or whose streams differ in width, are left out and
        named, as long as there is one that can.
    options : ForwardOptions
    reporter : Reporter

    Raises
    ------
    AlignkitError
        When no model can be run.
    """
    import pandas as pd

    found = of_models(runs, options, _of_model, "tokens and patches", reporter)
    pairs = pd.DataFrame([row for rows in found for row in rows], columns=list(PAIR_COLUMNS))
    units = unit_labels(runs, "variant")
    return TokenSimilarities(
        pairs,
        _over_seeds(pairs),
        {(run.task, units[run.path]): run.stored["placement"] for run in runs},
        {"split": options.split, "samples": int(pairs["n"].max()), "seed": options.seed},
    )


def _of_model(opened: OpenModel) -> list[dict[str, Any]]:
    import torch

    from alignkit.contracts.model import run_model

    pairs = equal_sites(opened.schedule)
    places = depths(sites(opened.schedule, "text"))
    values: dict[tuple[str, str, str], list[Tensor]] = {}
    others: dict[tuple[str, str, str], list[Tensor]] = {}
    for _, batch in opened.batches():
        states: dict[str, StreamState] = {}
        with torch.no_grad():
            run_model(opened.model, opened.schedule, batch, states.__setitem__)
        for x, y in pairs:
            compare = partial(closest, states[x].tokens, states[x].content)
            own = compare(states[y].tokens, states[y].content)
            other = compare(states[y].tokens.roll(1, 0), states[y].content.roll(1, 0))
            for direction, mine, theirs in zip((TO_PATCHES, TO_TOKENS), own, other, strict=True):
                values.setdefault((direction, x, y), []).append(mine)
                if len(theirs) > 1:  # a single text has no other picture
                    others.setdefault((direction, x, y), []).append(theirs)
    rows = []
    for (direction, x, y), parts in values.items():
        each = torch.cat(parts).cpu()
        mismatched = others.get((direction, x, y))
        rows.append(
            opened.columns
            | {
                "direction": direction,
                "x": x,
                "y": y,
                "depth": places[x],
                "n": len(each),
                "value": float(each.nanmean()),
                "sd": float(each.std()) if len(each) > 1 else float("nan"),
                "mismatched": float(torch.cat(mismatched).nanmean())
                if mismatched
                else float("nan"),
            }
        )
    return rows


def equal_sites(schedule: Schedule) -> list[tuple[str, str]]:
    """Return the pairs of text and vision sites of one name: layers of equal index, and fusions."""
    text, vision = sites(schedule, "text"), set(sites(schedule, "vision"))
    return [(x, f"v{x[1:]}") for x in text if f"v{x[1:]}" in vision and not x.endswith(".in")]


def closest(
    tokens: Tensor, is_token: Tensor, patches: Tensor, is_patch: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the mean cosine similarity to the closest of the other side, both ways.

    Parameters
    ----------
    tokens : Tensor (batch, n, width)
    is_token : Tensor (batch, n)
        False for padding and special tokens, which are left out.
    patches : Tensor (batch, m, width)
    is_patch : Tensor (batch, m)

    Returns
    -------
    Tensor, Tensor
        ``(batch,)``: of tokens to patches, and of patches to tokens, in [-1, 1]; NaN for a sample
        without tokens or without patches.

    Raises
    ------
    DataError
        When tokens and patches differ in width.
    """
    import torch
    import torch.nn.functional as F

    if tokens.shape[2] != patches.shape[2]:
        raise DataError(
            f"its text stream is {tokens.shape[2]} wide and its vision stream {patches.shape[2]}; "
            "the cosine of a token and a patch needs streams of equal width"
        )
    cosine = F.normalize(precise(tokens), dim=-1) @ F.normalize(precise(patches), dim=-1).transpose(
        1, 2
    )
    both = is_token[:, :, None] & is_patch[:, None, :]
    cosine = cosine.masked_fill(~both, -torch.inf)

    def mean(best: Tensor, valid: Tensor) -> Tensor:
        known = valid & best.isfinite()
        return torch.where(known, best, 0.0).sum(1) / known.sum(1)

    return mean(cosine.amax(2), is_token), mean(cosine.amax(1), is_patch)


def _over_seeds(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return means over the seeds of a unit, trained beside untrained."""
    own = [*UNIT, "direction", "x", "y", "depth"]
    grouped = pairs.groupby([*own, "weights"], sort=False)
    table = grouped[["n", "value", "mismatched", "sd"]].mean()
    table = table.rename(columns={"sd": "sd_samples"})
    table.insert(0, "runs", grouped.size())
    table["sd_seeds"] = grouped["value"].std()
    table = table.reset_index().astype({"n": int})
    return beside_untrained(
        table, own, {"value": "untrained", "mismatched": "untrained_mismatched"}
    )
