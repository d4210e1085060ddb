"""Where sites stand on an axis of depth."""

from alignkit.report.sites import in_order


def test_a_fusion_stands_before_its_layer():
    sites = ["t.f1", "t00", "t02", "t.in", "t.f0", "t01"]
    assert in_order(sites, [1, 2]) == ["t.in", "t00", "t.f0", "t01", "t.f1", "t02"]
    assert in_order(sites, [0, 3]) == ["t.in", "t.f0", "t00", "t01", "t02", "t.f1"]


def test_a_stack_of_fusions_stands_on_top():
    sites = ["v01", "v.f2", "v.f1", "v.f10", "v00", "v.f0"]
    assert in_order(sites, [2]) == ["v00", "v01", "v.f0", "v.f1", "v.f2", "v.f10"]
    assert in_order(["v.f0", "v00"], []) == ["v00", "v.f0"]
