"""Schedules: what runs when, for every placement of the literature."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignkit.errors import UsageError
from alignkit.models.placement import Placement
from alignkit.models.schedule import (
    Fuse,
    Record,
    RunLayer,
    between_layers,
    check_schedule,
    depths,
    head_site,
    sites,
)
from alignkit.runs.placements import choose_placement

DEPTHS = {"text": 12, "vision": 12}
PUBLISHED = {
    "none": ([], []),
    "early_early": ([0, 1, 2], [0, 1, 2]),
    "early": ([3, 4, 5], [3, 4, 5]),
    "middle": ([6, 7, 8], [6, 7, 8]),
    "late": ([9, 10, 11], [9, 10, 11]),
    "asymmetric": ([6, 7, 8, 9], [3, 5, 7, 9]),
    "optuna1": ([3, 6], [6, 8]),
    "optuna2": ([7, 9, 10, 11], [6, 7, 9, 10]),
    "hybrid1": ([3, 4, 10], [3, 4, 10]),
    "hybrid2": ([4, 10, 11], [4, 10, 11]),
    "full": (list(range(12)), list(range(12))),
}


def _layers_before_fusions(schedule, stream):
    """How many layers of a stream have run when each fusion runs."""
    done, counts = 0, []
    for step in schedule:
        match step:
            case RunLayer(name, _) if name == stream:
                done += 1
            case Fuse(_):
                counts.append(done)
    return counts


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_placements(name):
    placement = choose_placement(name)
    assert (list(placement.text), list(placement.vision)) == PUBLISHED[name]
    schedule = between_layers(placement, DEPTHS)
    # Index k means after k layers, so before layer k: no off-by-one.
    assert _layers_before_fusions(schedule, "text") == PUBLISHED[name][0]
    assert _layers_before_fusions(schedule, "vision") == PUBLISHED[name][1]
    check_schedule(schedule, DEPTHS, len(placement))


lists = st.integers(0, 4).flatmap(
    lambda n: st.tuples(
        *[
            st.lists(st.integers(0, 6), min_size=n, max_size=n, unique=True).map(sorted)
            for _ in range(2)
        ]
    )
)


@given(lists)
def test_every_layer_runs_once_in_order_and_every_site_is_recorded_after_it(pair):
    schedule = between_layers(Placement(*pair), {"text": 6, "vision": 6})
    for stream in ("text", "vision"):
        ran = [s.layer for s in schedule if isinstance(s, RunLayer) and s.stream == stream]
        assert ran == list(range(6))
    for before, step in pairwise(schedule):
        if isinstance(before, RunLayer):
            assert step == Record(f"{before.stream[0]}{before.layer:02d}")
    assert len(sites(schedule)) == len(set(sites(schedule))) == 2 * (1 + 6 + len(pair[0]))


def test_index_0_has_the_embeddings_before_it_and_depth_stands_after_everything():
    schedule = between_layers(Placement([0], [0]), DEPTHS)
    assert schedule[:5] == [Record("t.in"), Record("v.in"), Fuse(0), Record("t.f0"), Record("v.f0")]
    schedule = between_layers(Placement([12], [12]), DEPTHS)
    assert schedule[-3:] == [Fuse(0), Record("t.f0"), Record("v.f0")]
    assert head_site(schedule, "text") == "t.f0"
    assert head_site(between_layers(Placement([11], [11]), DEPTHS), "vision") == "v11"


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([RunLayer("text", 1), RunLayer("text", 0)], "text layer 0 cannot follow 1"),
        ([RunLayer("text", 1), RunLayer("text", 1)], "text layer 1 cannot follow 1"),
        ([RunLayer("text", 12)], "text layer 12 cannot follow -1"),
        ([Fuse(1)], "fusion 1 runs where fusion 0 was expected"),
        ([Fuse(0), Fuse(1)], "it runs 2 fusions, but the model has 1"),
        ([Record("t00"), Record("t00"), Fuse(0)], "recorded twice"),
        ([Record("x9"), Fuse(0)], "'x9' is not a site"),
    ],
)
def test_broken_schedules_are_refused(schedule, message):
    with pytest.raises(UsageError, match=message):
        check_schedule(schedule, DEPTHS, 1)


def test_sites_stand_at_their_depth_and_fusions_between():
    assert depths(["t.in", "t00", "t.f0", "t01"]) == {
        "t.in": -1.0,
        "t00": 0.0,
        "t.f0": 0.5,
        "t01": 1.0,
    }
    assert depths(["v.f0", "v00", "v.f1", "v.f2", "v.f3"]) == {
        "v.f0": -0.5,
        "v00": 0.0,
        "v.f1": 0.25,
        "v.f2": 0.5,
        "v.f3": 0.75,
    }
    assert depths([]) == {}
