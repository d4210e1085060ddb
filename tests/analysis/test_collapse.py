"""The test of collapses: a fall that is there is found, and chance is not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from alignkit.analysis.collapse import drops_over_placements


def _changes(rng, placements=8, factor=1.0, seeds=2):
    rows = [
        {
            "task": "t",
            "stream": stream,
            "quantity": "twonn",
            "placement": f"p{p}",
            "seed": seed,
            "before": 10.0,
            "after": 10 * (factor if stream == "vision" else 1) * np.exp(0.2 * rng.normal()),
        }
        for stream in ("text", "vision")
        for p in range(placements)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def test_a_collapse_of_one_stream_is_found_in_it_alone():
    changes = _changes(np.random.default_rng(0), factor=0.2)
    table = drops_over_placements(changes, 9999, 0).set_index("stream")
    assert table["verdict"].to_dict() == {"text": "inconclusive", "vision": "supported"}
    row = table.loc["vision"]
    assert row["placements"] == 8
    vision = changes[changes["stream"] == "vision"]
    logs = np.log(vision["before"] / vision["after"]).groupby(vision["placement"]).mean()
    assert row["drop"] == pytest.approx(1 - np.exp(-logs.mean()))
    interval = ttest_1samp(logs, 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx(1 - np.exp(-np.array(interval)))
    assert row["p"] == pytest.approx(2 / 2**8)


def test_chance_is_no_collapse():
    rng = np.random.default_rng(1)
    rejected = [
        (drops_over_placements(_changes(rng), 9999, 0)["p_adjusted"] < 0.05).any()
        for _ in range(150)
    ]
    assert np.mean(rejected) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_seeds_do_not_make_more_placements():
    few = drops_over_placements(_changes(np.random.default_rng(2), 3, 0.2, seeds=20), 9999, 0)
    assert set(few["verdict"]) == {"not testable"}
    assert few["placements"].tolist() == [3, 3]
    assert "6 placements are needed" in few["reason"].iloc[0]
