"""Jumps at fusions: a jump that is there is found, and a trend over depth is not taken for one."""

import numpy as np
import pandas as pd
import pytest

from alignkit.analysis.jumps import STEP_COLUMNS, jumps_of
from simulations import jumps as simulated

EARLY_MIDDLE_LATE = [(), (0, 1), (3, 4), (6, 7), (1, 5), (2, 3, 7), (0, 4)]


def _steps(changes, fused, seeds=(0, 1)):
    """Steps of placements ``p0``, ``p1``, ...: changes by seed, placement and step."""
    return pd.DataFrame(
        [
            ("t", f"p{p}", f"p{p}", seed, f"p{p} {seed}", "text", "cka", step, fused[p][step], c)
            for seed, by_placement in zip(seeds, changes, strict=True)
            for p, row in enumerate(by_placement)
            for step, c in enumerate(row)
        ],
        columns=list(STEP_COLUMNS),
    )


def _fused():
    fused = np.zeros((len(EARLY_MIDDLE_LATE), 8), bool)
    for row, at in enumerate(EARLY_MIDDLE_LATE):
        fused[row, list(at)] = True
    return fused


def test_differences_are_those_of_means_over_steps_and_runs():
    rng, fused = np.random.default_rng(0), _fused()
    changes = rng.uniform(size=(2, *fused.shape))
    found = jumps_of(_steps(changes, fused), 9999, 0)
    mean = changes.mean(axis=0)
    placements = found.placements.set_index("placement")
    assert "p0" not in placements.index, "it has no fusion"
    for p in range(1, len(fused)):
        row = placements.loc[f"p{p}"]
        assert row["at_fusions"] == pytest.approx(mean[p][fused[p]].mean())
        assert row["elsewhere"] == pytest.approx(mean[p][~fused[p]].mean())
        assert row["runs"] == 2
    within = found.within.iloc[0]
    differences = placements["at_fusions"] - placements["elsewhere"]
    assert within["change"] == pytest.approx(differences.mean())
    assert within["placements"] == 6
    slow = [
        np.mean([mean[p, s] - mean[~fused[:, s], s].mean() for s in np.flatnonzero(fused[p])])
        for p in range(1, len(fused))
    ]
    assert found.against.iloc[0]["change"] == pytest.approx(np.mean(slow))


def test_a_jump_is_found_and_an_undefined_change_leaves_its_placement_out():
    rng, fused = np.random.default_rng(1), _fused()
    changes = rng.uniform(0, 0.1, size=(2, *fused.shape)) + 0.5 * fused
    found = jumps_of(_steps(changes, fused), 9999, 0)
    assert found.within.iloc[0]["verdict"] == found.against.iloc[0]["verdict"] == "supported"
    changes[0, 6, 2] = np.nan
    found = jumps_of(_steps(changes, fused), 9999, 0)
    assert found.against.iloc[0]["placements"] == 5
    assert found.within.iloc[0]["placements"] == 6, "its other steps are defined"


def test_seeds_that_a_placement_lacks_are_left_out_of_what_is_exchanged():
    rng, fused = np.random.default_rng(2), _fused()
    changes = rng.uniform(size=(2, *fused.shape))
    steps = _steps(changes, fused)
    lacking = steps[~((steps["placement"] == "p3") & (steps["seed"] == 1))]
    alone = jumps_of(_steps(changes[:1], fused, seeds=(0,)), 9999, 0)
    found = jumps_of(lacking, 9999, 0)
    assert found.against.iloc[0]["p"] == alone.against.iloc[0]["p"]
    none = steps[(steps["placement"] == "p3") == (steps["seed"] == 1)]
    row = jumps_of(none, 9999, 0).against.iloc[0]
    assert row["verdict"] == "not testable"


def test_one_run_is_described_and_not_tested():
    fused = _fused()[1:2]
    found = jumps_of(_steps(np.full((1, 1, 8), 0.2), fused, seeds=(0,)), 9999, 0)
    assert found.placements["at_fusions"].tolist() == [pytest.approx(0.2)]
    assert found.within.iloc[0]["verdict"] == found.against.iloc[0]["verdict"] == "not testable"


STUDIES = 200


@pytest.mark.parametrize("trend", [0.0, 3.0])
def test_exchanging_placements_keeps_its_level_whatever_depth_does(trend):
    rate = simulated.rejections("against", trend, 0.0, STUDIES) / STUDIES
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_flipping_signs_keeps_its_level_without_a_trend_over_depth():
    rate = simulated.rejections("within", 0.0, 0.0, STUDIES) / STUDIES
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_both_find_a_jump():
    for scheme in ("within", "against"):
        assert simulated.rejections(scheme, 0.0, 2.0, 50) > 40
