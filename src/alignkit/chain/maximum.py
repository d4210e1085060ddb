"""The best of many pairs of layers, against the null of the best: a maximum is inflated by choice.

On unrelated data the largest of a hundred values lies above the chance level of each. So the
rows are permuted once, the metric is measured on every pair of layers, the best is taken; and
that again for every permutation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alignkit.chain.layers import select_pairs
from alignkit.chain.measure import draw_rows, measure_run
from alignkit.chain.talk import SILENT, Talk
from alignkit.runs import Run
from alignkit.runs.files import locked, read_json, write_json


@dataclass(frozen=True)
class Maximum:
    """The best value of a metric over pairs of layers.

    Attributes
    ----------
    value : float or None
        None when the metric is undefined on every pair.
    n : int
        Samples.
    permutations, seed : int
        Of the null.
    null_mean, null_std, p, calibrated : float or None
        Of the best of permuted rows; p is (1 + b) / (1 + m); calibrated is
        (value - null mean) / (best possible - null mean).
    """

    value: float | None
    n: int
    permutations: int
    seed: int
    null_mean: float | None = None
    null_std: float | None = None
    p: float | None = None
    calibrated: float | None = None


def maximum(
    run: Run,
    spec: str,
    layers: str = "same",
    *,
    split: str = "test",
    pool: str = "cls",
    samples: int | None = None,
    seed: int = 0,
    null: int = 20,
    talk: Talk = SILENT,
) -> Maximum:
    """Find the best value over pairs of a run's layers, and its null; what exists is kept.

    Parameters
    ----------
    run : Run
    spec : str
        A metric.
    layers : str
        ``same`` (equal depth), ``all`` (the grid), or any other selection of ``measure``.
    split, pool, samples
        As for ``measure``.
    seed, null : int
        Of the permutations of rows, the same for every pair, and their number.
    """
    table = measure_run(run, [spec], split=split, pool=pool, layers=layers, samples=samples,
                        seed=seed, talk=talk)  # fmt: skip
    values, n = table["value"].astype(float).dropna(), int(table["n"].iloc[0])
    if values.empty:
        return Maximum(None, n, 0, seed)
    drawn = f".n{n}" if samples is not None else ""
    file = run.alignment_folder(split) / "maximum" / (
        f"{spec.replace(':', '-').replace('/', '_')}.{pool}.{layers}{drawn}.{null}s{seed}.json"
    )  # fmt: skip
    if file.is_file():
        return Maximum(**read_json(file))
    found = _with_null(
        run, spec, layers, values.tolist(), n, split, pool, samples, seed, null, talk
    )
    with locked(run.path):
        write_json(file, asdict(found))
    return found


def _with_null(
    run: Run, spec: str, layers: str, values: Sequence[float], n: int, split: str, pool: str,
    samples: int | None, seed: int, null: int, talk: Talk,
) -> Maximum:  # fmt: skip
    from alignkit.metrics import resolve

    metric = resolve(spec)
    best = max(values) if metric.higher_is_better else min(values)
    if not null:
        return Maximum(best, n, 0, seed)
    rows = draw_rows(run.representation_index(split)["n"], samples, seed, talk)  # type: ignore[index]
    pairs = select_pairs(run.schedule(), layers)

    def opened(site: str) -> Any:
        representation = run.representation(site, split, pool)
        return representation if rows is None else representation[rows]

    drawn = null_of_best(metric, pairs, opened, null, seed, talk)
    mean, std = float(drawn.mean()), float(drawn.std())
    as_good = drawn >= best - 1e-9 if metric.higher_is_better else drawn <= best + 1e-9
    room = metric.best - mean
    calibrated = (best - mean) / room if abs(room) > 1e-12 and abs(room) < float("inf") else None
    p = float((1 + as_good.sum()) / (1 + len(drawn)))
    return Maximum(best, n, null, seed, mean, std, p, calibrated)


def null_of_best(
    metric: Any, pairs: Sequence[tuple[str, str]], opened: Any, null: int, seed: int,
    talk: Talk = SILENT,
) -> Any:  # fmt: skip
    """The best value over all pairs under each permutation of the rows of y, ``(null,)``.

    Parameters
    ----------
    metric : Metric
    pairs : sequence of (str, str)
        Sites.
    opened : callable
        Site to representation.
    """
    import numpy as np
    import torch

    from alignkit.metrics import grid

    xs, ys = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    numbers = [(xs.index(x), ys.index(y)) for x, y in pairs]
    left, right = ([opened(site) for site in names] for names in (xs, ys))
    n = right[0].n
    rng = np.random.default_rng([seed, n])
    choose = max if metric.higher_is_better else min
    drawn = []
    with talk.progress(f"null of the best {metric.spec}", null) as bar:
        for _ in range(null):
            order = torch.from_numpy(rng.permutation(n))
            permuted = [one.permuted(order) for one in right]
            values = grid(metric, left, permuted, pairs=numbers)
            drawn.append(choose(one.value for one in values if one.value is not None))
            bar.advance()
    return np.array(drawn)
