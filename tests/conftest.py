"""Fixtures that many tests share."""

from __future__ import annotations

import gc
import shutil

import pytest
from hypothesis import HealthCheck, settings

from alignkit.runs import Run
from tiny import TINY_TASK, train_tiny

# How long an example takes is up to the machine, and to what else it does.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_collection_modifyitems(items):
    """Quick tests first, so that a mistake shows early; those marked ``slow`` last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish():
    """Keep what is imported out of the search for garbage, which would look at it every time."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def places_of_their_own(tmp_path_factory):
    """No test reads the user's data or kept pixels, or leaves any behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("ALIGNKIT_DATA", raising=False)
        yield


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """Trained runs: two tasks, three placements, to be read only."""
    root = tmp_path_factory.mktemp("tiny") / "runs"
    unique = TINY_TASK.replace("match", "unique")
    return root, [
        train_tiny(root, placement, task)
        for task in (TINY_TASK, unique)
        for placement in ("none", "1", "1,2")
    ]


@pytest.fixture(scope="module")
def own_runs(tiny_runs, tmp_path_factory):
    """The same in a copy of the module's own, which its tests may measure and score."""
    root, runs = tiny_runs
    copy = tmp_path_factory.mktemp("own") / "runs"
    shutil.copytree(root, copy)
    return copy, [Run(copy / run.path.relative_to(root)) for run in runs]


@pytest.fixture
def tiny_run(tiny_runs, tmp_path):
    """One trained run of the test's own, a copy."""
    root, runs = tiny_runs
    name = next(run for run in runs if run.placement == "at_1_2").path.relative_to(root)
    shutil.copytree(root / name, tmp_path / "runs" / name)
    return Run(tmp_path / "runs" / name)
