"""The entropy of attention, layer by layer and head by head: how widely tokens look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from alignkit.analysis.explaining.forward import (
    RUN_COLUMNS,
    UNIT,
    ForwardOptions,
    OpenModel,
    beside_untrained,
    of_models,
)
from alignkit.analysis.tabled import Tabled
from alignkit.errors import DataError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

_PLACE = ("stream", "kind", "layer", "depth")
HEAD_COLUMNS = (
    *RUN_COLUMNS,
    *_PLACE,
    "head",
    "n",
    "keys",
    "entropy",
    "sd",
    "normalised",
    "normalised_sd",
)


@dataclass(frozen=True)
class AttentionEntropy(Tabled):
    """How widely the attention of runs is spread.

    Attributes
    ----------
    heads : DataFrame
        One row per run, weights, stream, layer and head, with ``HEAD_COLUMNS``: ``entropy`` in
        nats, and ``normalised`` by the logarithm of the number of tokens that may be attended to
        (``keys``), means over tokens and samples with their standard deviations over samples.
    layers : DataFrame
        The same over heads and seeds: ``runs``, ``heads``, ``sd_samples``, ``sd_heads``,
        ``sd_seeds`` of the normalised entropy, and that of the ``untrained`` models.
    fusions : DataFrame
        One row per unit, weights, stream and fusion: the normalised entropy of self-attention in
        the layer ``before`` it and the one ``after`` it, and of the ``fusion`` itself.
    settings : dict
    """

    heads: pd.DataFrame
    layers: pd.DataFrame
    fusions: pd.DataFrame
    settings: dict[str, Any]

    shown: ClassVar = ("layers", "fusions")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, the first of which has one row per head."""
        return {"heads": self.heads, "layers": self.layers, "fusions": self.fusions}


def attention_of_runs(
    runs: Sequence[Run], options: ForwardOptions, reporter: Reporter = SILENT
) -> AttentionEntropy:
    """Run models on samples, and return the entropy of their attention.

    Parameters
    ----------
    runs : sequence of Run
        Those whose model cannot be run are left out and named, as long as there is one that can.
    options : ForwardOptions
    reporter : Reporter

    Raises
    ------
    AlignkitError
        When no model can be run, or none has attention that can be seen.
    """
    import pandas as pd

    tables = of_models(runs, options, _of_model, "attention", reporter)
    heads = pd.concat(tables, ignore_index=True)[list(HEAD_COLUMNS)]
    layers = _over_heads_and_seeds(heads)
    return AttentionEntropy(
        heads,
        layers,
        _around_fusions(layers),
        {"split": options.split, "samples": int(heads["n"].max()), "seed": options.seed},
    )


def _of_model(opened: OpenModel) -> pd.DataFrame:
    import pandas as pd
    import torch

    from alignkit.analysis.explaining.recorder import Attention, AttentionRecorder, in_order
    from alignkit.contracts.model import run_model

    parts: dict[tuple[str, str, str, int], list[Attention]] = {}
    for _, batch in opened.batches():
        recorder = AttentionRecorder(opened.schedule)
        with torch.no_grad(), recorder:
            run_model(opened.model, opened.schedule, batch, before=recorder.before)
        recorder.finish()
        for key, one in in_order(recorder.found).items():
            parts.setdefault(key, []).append(one)
    if not parts:
        raise DataError(
            "its model has no attention that can be seen; expected layers that compute it by "
            "torch.nn.functional.scaled_dot_product_attention"
        )
    rows: list[dict[str, Any]] = []
    for (stream, kind, layer, _), found in parts.items():
        entropy = torch.cat([each.entropy for each in found]).cpu()
        normalised = torch.cat([each.normalised for each in found]).cpu()
        place = dict(zip(_PLACE, (stream, kind, layer, found[0].depth), strict=True))
        own = opened.columns | place
        own |= {"n": len(entropy), "keys": float(torch.cat([f.keys for f in found]).mean())}
        for head in range(entropy.shape[1]):
            shares = normalised[:, head]
            shares = shares[~shares.isnan()]
            rows.append(
                own
                | {
                    "head": head,
                    "entropy": float(entropy[:, head].mean()),
                    "sd": _sd(entropy[:, head]),
                    "normalised": float(shares.mean()),
                    "normalised_sd": _sd(shares),
                }
            )
    return pd.DataFrame(rows)


def _sd(values: Any) -> float:
    return float(values.std()) if len(values) > 1 else float("nan")


def _over_heads_and_seeds(heads: pd.DataFrame) -> pd.DataFrame:
    """Return means over heads, then over the seeds of a unit, trained beside untrained."""
    own = [*UNIT, *_PLACE]
    keys = [*own, "weights"]
    per_run = heads.groupby([*keys, "model"], sort=False).agg(
        heads=("head", "nunique"),
        n=("n", "max"),
        keys=("keys", "mean"),
        entropy=("entropy", "mean"),
        normalised=("normalised", "mean"),
        sd_heads=("normalised", "std"),
        sd_samples=("normalised_sd", "mean"),
    )
    grouped = per_run.groupby(keys, sort=False)
    table = grouped.mean()
    table.insert(0, "runs", grouped.size())
    table["sd_seeds"] = grouped["normalised"].std()
    table = table.reset_index().astype({"heads": int, "n": int})
    return beside_untrained(
        table, own, {"normalised": "untrained", "sd_seeds": "untrained_sd_seeds"}
    )


def _around_fusions(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the normalised entropy before, in and after every fusion."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = [*UNIT, "stream"]
    for key, part in layers.groupby(keys, sort=False):
        own = part[(part["kind"] == "self") & ~part["layer"].str.contains(".f", regex=False)]
        own = own.sort_values("depth")
        fused = part[part["kind"] == "co"].sort_values("depth")
        for depth in dict.fromkeys(fused["depth"]):
            here = fused[fused["depth"] == depth]
            row: dict[str, Any] = dict(zip(keys, key, strict=True))
            row |= {"fusion": here["layer"].iloc[0], "depth": depth}
            sides = {
                "before": own[own["depth"] < depth].tail(1),
                "fusion": here,
                "after": own[own["depth"] > depth].head(1),
            }
            for column, name in (("normalised", ""), ("untrained", "_untrained")):
                for side, at in sides.items():
                    label = ("in" if side == "fusion" else side) + name
                    row[label] = float(at[column].mean()) if len(at) else float("nan")
            rows.append(row)
    return pd.DataFrame(rows)
