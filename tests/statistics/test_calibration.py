"""A small version of ``benchmarks/calibration.py``: shares within three standard errors."""

import importlib.util
import sys
from pathlib import Path

import pytest

from alignkit.statistics.power import observed_r, power

FILE = Path(__file__).parents[2] / "benchmarks" / "calibration.py"
STUDIES = 1000


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_of_calibration", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("within", [0.0, 0.7])
def test_no_association_is_rejected_one_time_in_twenty(benchmark, within):
    grid = benchmark.Grid(7, 3, 0.8, 0.95, within=within)
    ours, naive = benchmark.rejected(grid, STUDIES)
    assert 0.029 < ours < 0.071
    assert naive > 0.18  # what treating seeds as independent does


def test_drawn_permutations_hold_the_level_too(benchmark):
    ours, _ = benchmark.rejected(benchmark.Grid(12, 3, 0.97, 0.97), STUDIES)
    assert 0.029 < ours < 0.071


@pytest.mark.parametrize(("units", "true"), [((7, 7), ()), ((6, 7, 12), ()), ((6, 7), (0,))])
def test_a_family_claims_too_much_one_time_in_twenty(benchmark, units, true):
    assert benchmark.family_wise(units, true, 400) < 0.05 + 3 * 0.011


def test_power_is_as_planned(benchmark):
    grid = benchmark.Grid(12, 3, 0.97, 0.97, r=0.7)
    ours, _ = benchmark.rejected(grid, STUDIES)
    assert ours == pytest.approx(power(12, observed_r(0.7, 3, 0.97, 0.97)), abs=0.04)
