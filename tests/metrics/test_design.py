"""Classes and groups of samples: values within classes, and permutations that keep both."""

import numpy as np
import pytest

import alignkit
from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics import Design, Representation, grid, maximum, resolve
from alignkit.metrics.metric import Metric
from alignkit_metrics.regression import Folds, r2


def _sharing_classes(n=120, classes=4, seed=0, d=6):
    """Two streams that know each other's class and nothing else."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % classes)
    sides = [
        3 * rng.standard_normal((classes, d))[label] + rng.standard_normal((n, d)) for _ in "xy"
    ]
    return *sides, label


def _repeated(n_groups=40, size=5, seed=0, d=6, noise=0.3):
    """Two independent streams whose samples come in groups that resemble each other."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(n_groups), size))
    sides = [
        rng.standard_normal((n_groups, d))[groups] + noise * rng.standard_normal((len(groups), d))
        for _ in "xy"
    ]
    return *sides, groups


@pytest.mark.parametrize("spec", ["cka", "unbiased_cka", "procrustes", "rsa", "r2"])
def test_the_value_within_classes_is_that_of_classes_moved_to_one_mean(spec):
    x, y, label = _sharing_classes()
    moved = []
    for side in (x, y):
        means = np.stack([side[label == c].mean(axis=0) for c in range(4)])
        moved.append(side - means[label] + side.mean(axis=0))
    expected = alignkit.measure(*moved, spec)
    assert alignkit.measure(x, y, spec, within=label) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spec", ["mknn:k=5", "jaccard:k=5", "cknna:k=5", "information_imbalance"])
def test_a_metric_of_neighbours_is_averaged_over_classes(spec):
    x, y, label = _sharing_classes(n=130)
    by_class = [alignkit.measure(x[label == c], y[label == c], spec) for c in range(4)]
    expected = np.average(by_class, weights=np.bincount(label))
    assert alignkit.measure(x, y, spec, within=label) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("spec", ["unbiased_cka", "mknn:k=5", "procrustes", "cycle_knn:k=5"])
def test_a_shared_class_alone_is_no_alignment_within_classes(spec):
    x, y, label = _sharing_classes()
    sides = [Representation(x)], [Representation(y)]
    (plain,) = grid(resolve(spec), *sides, null=99)
    (within,) = grid(resolve(spec), *sides, null=99, design=Design.of(within=label))
    assert plain.p == 0.01
    assert within.p > 0.05
    assert abs(within.value - within.null_mean) < 3 * within.null_std


def test_alignment_within_classes_is_found():
    x, _, label = _sharing_classes()
    y = x @ np.random.default_rng(5).standard_normal((6, 6))
    sides = [Representation(x)], [Representation(y)]
    design = Design.of(within=[f"class {c}" for c in label])
    (value,) = grid(resolve("unbiased_cka"), *sides, null=99, interval=40, design=design)
    assert value.p == 0.01
    assert 0 < value.low < value.value < value.high
    best = maximum(resolve("mknn:k=5"), *sides, null=99, design=design)
    assert best.p == 0.01


@pytest.mark.parametrize("spec", ["mknn:k=4", "jaccard:k=4", "cka"])
def test_the_fast_null_within_classes_is_the_slow_one(spec):
    x, y, label = _sharing_classes(n=61)
    metric = resolve(spec)
    declared = {key: value for key, value in metric.declared.items() if key != "null"}
    slow = Metric(metric.name, metric.parameters, spec, metric.target, declared)
    fast, other = (
        grid(each, [Representation(x)], [Representation(y)], null=20, design=Design.of(label))[0]
        for each in (metric, slow)
    )
    assert fast.null_mean == pytest.approx(other.null_mean, abs=1e-9)
    assert (fast.p, fast.value) == (other.p, other.value)


def test_chance_within_classes_is_the_mean_of_the_null():
    x, y, label = _sharing_classes(n=61)
    design = Design.of(within=label)
    metric = resolve("mknn:k=4")
    (value,) = grid(metric, [Representation(x)], [Representation(y)], null=400, design=design)
    sizes = np.bincount(label)
    assert value.chance == pytest.approx(np.average(4 / (sizes - 1), weights=sizes))
    draws = np.random.default_rng(0)
    permuted = []
    for _ in range(300):
        order = np.arange(61)
        for c in range(4):
            order[label == c] = draws.permutation(order[label == c])
        permuted.append(alignkit.measure(x, y[order], "mknn:k=4", within=label))
    assert value.chance == pytest.approx(np.mean(permuted), abs=4 * np.std(permuted) / 300**0.5)


def test_permutations_stay_within_classes():
    design = Design.of(within=["a"] * 6 + ["b"] * 5 + ["c"])
    orders = [order.numpy() for order in design.orders(12, 200, 0)]
    codes = design.within
    assert all((codes[order] == codes).all() for order in orders)
    assert len({tuple(order) for order in orders}) == 200
    assert all(order[11] == 11 for order in orders)


def test_permutations_move_whole_groups_of_one_size():
    groups = np.array([0, 1, 2, 0, 1, 2, 3, 3, 3])  # three of two samples, and one of three
    for order in Design.of(groups=groups).orders(9, 50, 0):
        order = order.numpy()
        assert list(order[6:]) == [6, 7, 8]
        assert sorted(order) == list(range(9))
        assert all(len(set(groups[order[groups == g]])) == 1 for g in range(3))


def test_halves_are_of_whole_groups_and_of_every_class():
    groups, classes = np.arange(40) // 4, np.arange(40) // 20
    for rows in Design.of(within=classes, groups=groups).halves(40, 30, 0):
        kept = set(groups[rows])
        assert len(rows) == 4 * len(kept)
        assert {len({g for g in kept if g // 5 == c}) for c in (0, 1)} <= {2, 3}


def test_groups_keep_the_null_honest():
    rejected = {True: 0, False: 0}
    for seed in range(40):
        x, y, groups = _repeated(n_groups=12, seed=seed)
        for grouped in rejected:
            design = Design.of(groups=groups if grouped else None)
            sides = [Representation(x)], [Representation(y)]
            (value,) = grid(resolve("unbiased_cka"), *sides, null=99, design=design)
            rejected[grouped] += value.p <= 0.05
    assert rejected[False] > 30  # of 40: samples of one group are no new evidence
    assert rejected[True] <= 7  # 2 expected; more than 7 in 1 of 1,000 tests


def test_samples_of_one_group_are_not_neighbours_in_a_metric():
    x, y, groups = _repeated(noise=0.01)
    assert alignkit.measure(x, y, "mknn:k=4") > 0.9
    assert alignkit.measure(x, y, "mknn:k=4", groups=groups) < 0.15


def test_a_label_matrix_gives_classes_of_equal_label_sets():
    x, y, label = _sharing_classes()
    matrix = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[label]
    values = [alignkit.measure(x, y, "cka", within=each) for each in (matrix, label)]
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_samples_of_small_classes_are_left_out_and_counted():
    x, y, label = _sharing_classes(n=60)
    label[:3] = [7, 8, 8]
    sides = [Representation(x)], [Representation(y)]
    (value,) = grid(resolve("cka"), *sides, design=Design.of(within=label))
    assert value.n == 59
    assert "1 of 60 samples are left out, whose classes have fewer than 2" in value.warning
    (value,) = grid(resolve("mknn:k=5"), *sides, design=Design.of(within=label))
    assert value.n == 57
    assert "3 of 60 samples are left out, whose classes have fewer than 6" in value.warning
    assert value.value == alignkit.measure(x[3:], y[3:], "mknn:k=5", within=label[3:])


def test_groups_that_cannot_move_are_counted():
    x, y, _ = _sharing_classes(n=12)
    design = Design.of(groups=[0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6])
    (value,) = grid(resolve("cka"), [Representation(x)], [Representation(y)], design=design)
    assert "3 of 12 samples keep their place in permutations" in value.warning
    assert value.chance is None  # its closed form is over all permutations


@pytest.mark.parametrize(
    ("within", "groups", "reason"),
    [
        (np.arange(6), None, "a value of `within` of its own"),
        (["a"] * 6, None, "all 6 samples have the same value of `within`"),
        (["a", "a", "b", "", "b", "b"], None, "1 of 6 samples have no value of `within`"),
        ([1, 1, 2, np.nan, 2, 2], None, "1 of 6 samples have no value of `within`"),
        (None, np.arange(6), "a group of `groups` of its own, which changes nothing"),
        (None, [1] * 6, "one group cannot be exchanged"),
        (None, [1, 2, 2, 3, 3, 3], "no two groups of `groups` have the same size"),
        ([1, 1, 2, 2, 2, 2], [1, 2, 2, 1, 3, 3], "a group must lie in one class"),
        ([1, 1, 2], None, "`within` has 3 values, and there are 6 samples"),
        (np.zeros((6, 2, 2)), None, "expected one label per sample"),
    ],
)
def test_what_changes_nothing_or_does_not_fit_is_refused(within, groups, reason):
    x = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(UsageError, match=reason):
        alignkit.measure(x, x, within=within, groups=groups)


def test_no_class_may_be_too_small_for_the_neighbours():
    x, y, label = _sharing_classes(n=40)
    with pytest.raises(UsageError, match="no class of `within` has 12 samples"):
        alignkit.measure(x, y, "mknn:k=11", within=label)


def test_what_only_tells_the_class_is_constant_within_it():
    _, y, label = _sharing_classes()
    x = np.random.default_rng(2).standard_normal((4, 5)).astype(np.float32)[label]
    with pytest.raises(UndefinedError, match="x is constant within classes of `within`"):
        alignkit.measure(x, y, "cka", within=label)


def _with_label_sets(n=120, labels=6, seed=0, d=5):
    """Two streams that know each other's labels and nothing else; most sets occur once."""
    rng = np.random.default_rng(seed)
    matrix = (rng.random((n, labels)) < 0.5).astype(float)
    sides = [
        2 * matrix @ rng.standard_normal((labels, d)) + rng.standard_normal((n, d)) for _ in "xy"
    ]
    return *sides, matrix, [[str(j) for j in row.nonzero()[0]] for row in matrix]


@pytest.mark.parametrize("spec", ["unbiased_cka", "procrustes", "mknn:k=5", "r2"])
def test_residuals_are_those_of_a_regression_on_the_labels(spec):
    x, y, matrix, sets = _with_label_sets()
    design = np.column_stack([np.ones(len(x)), matrix])
    hat = design @ np.linalg.pinv(design)
    rest = [side - hat @ side + side.mean(axis=0) for side in (x, y)]
    sides = [Representation(x)], [Representation(y)]
    (value,) = grid(resolve(spec), *sides, null=19, design=Design.of_residuals(sets))
    assert value.n == 120
    assert value.chance is None
    assert value.value == pytest.approx(alignkit.measure(*rest, spec), abs=1e-9)
    orders = Design.of_residuals(sets).orders(120, 19, 0)
    null = []
    for order in orders:
        again = rest[1][order.numpy()]  # permuted residuals, of which labels are removed again
        again = again - hat @ again + again.mean(axis=0)
        null.append(alignkit.measure(rest[0], again, spec))
    assert value.null_mean == pytest.approx(np.mean(null), abs=1e-9)
    assert value.null_std == pytest.approx(np.std(null), abs=1e-9)


def test_shared_labels_alone_are_no_alignment_of_residuals():
    x, y, _, sets = _with_label_sets(seed=1)
    for spec in ("unbiased_cka", "mknn:k=5"):
        sides = [Representation(x)], [Representation(y)]
        (plain,) = grid(resolve(spec), *sides, null=99)
        (rest,) = grid(resolve(spec), *sides, null=99, design=Design.of_residuals(sets))
        assert plain.p == 0.01
        assert rest.p > 0.05


def test_shared_labels_alone_rarely_reject_independence_of_residuals():
    small = 0
    for seed in range(60):
        x, y, _, sets = _with_label_sets(60, 6, seed=seed)
        design = Design.of_residuals(sets)
        sides = [Representation(x)], [Representation(y)]
        (value,) = grid(resolve("unbiased_cka"), *sides, null=39, seed=seed, design=design)
        small += value.p <= 0.1
    assert small / 60 < 0.1 + 3 * np.sqrt(0.09 / 60)


def test_residuals_of_single_labels_are_classes_moved_to_one_mean():
    x, y, label = _sharing_classes()
    sides = [Representation(x)], [Representation(y)]
    design = Design.of_residuals([[str(c)] for c in label])
    (value,) = grid(resolve("unbiased_cka"), *sides, interval=20, design=design)
    assert value.value == pytest.approx(
        alignkit.measure(x, y, "unbiased_cka", within=label), abs=1e-9
    )
    assert value.low < value.value < value.high


def test_labels_that_leave_nothing_are_refused():
    with pytest.raises(UsageError, match="all 4 samples have the same labels"):
        Design.of_residuals([["a"]] * 4)
    with pytest.raises(UsageError, match="has 20 labels for 20 samples"):
        Design.of_residuals([[str(i)] for i in range(20)])


def test_where_most_sets_occur_once_residuals_are_proposed():
    x, y, _, sets = _with_label_sets(labels=12)
    within = ["|".join(row) for row in sets]
    sides = [Representation(x)], [Representation(y)]
    (value,) = grid(resolve("cka"), *sides, design=Design.of(within=within))
    assert "`within=label:residuals` keeps all samples" in value.warning
    assert value.n < 60


def test_halves_without_a_value_are_counted():
    x, y = np.random.default_rng(0).standard_normal((2, 60, 4))
    label = np.repeat(np.arange(12), 5)
    label[:20] = 0  # only one class has samples enough in every half
    sides = [Representation(x)], [Representation(y)]
    for design in (Design.of(within=label), Design.of(within=label[::-1].copy() % 12)):
        (value,) = grid(resolve("mknn:k=3"), *sides, interval=20, design=design)
        assert "halves" not in value.warning
    design = Design.of(within=np.repeat(np.arange(12), 5))
    (value,) = grid(resolve("mknn:k=3"), *sides, interval=20, design=design)
    assert value.low is None
    assert "20 of 20 halves of the samples for the interval have no value" in value.warning


@pytest.mark.parametrize("ids", [True, False])
def test_a_group_is_in_one_fold_of_r2(ids):
    x, y, groups = _repeated(n_groups=12, size=5)
    names = [f"s{i:02}" for i in range(60)] if ids else None
    sides = [Representation(side, ids=names).grouped(groups) for side in (x, y)]
    folds = Folds.of(*sides, 5, 0)
    held_out = [set(groups[test.numpy()]) for _, test in folds.splits]
    assert sum(map(len, held_out)) == len(set().union(*held_out)) == 12
    assert sorted(len(test) for _, test in folds.splits) == [10, 10, 10, 15, 15]
    order = np.random.default_rng(1).permutation(60)
    moved = [
        Representation(side[order], ids=names and [names[i] for i in order]).grouped(groups[order])
        for side in (x, y)
    ]
    if ids:
        assert r2(*moved) == pytest.approx(r2(*sides), abs=1e-9)


def test_r2_of_repeated_samples_is_not_raised_by_their_copies():
    x, y, groups = _repeated(n_groups=20, size=6, d=15, noise=0.05)
    assert alignkit.measure(x, y, "r2") > 0.3
    assert alignkit.measure(x, y, "r2", groups=groups) < 0.1
    with pytest.raises(UsageError, match="folds is 50, and there are 20 groups"):
        alignkit.measure(x, y, "r2:folds=50", groups=groups)


def test_an_interval_of_groups_is_as_wide_as_values_vary_over_draws():
    values, widths = [], {True: [], False: []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(24), 5)
        common = rng.standard_normal((24, 4))
        sides = [
            [Representation((common + rng.standard_normal((24, 4)))[groups])] for _ in ("x", "y")
        ]
        for grouped, kept in widths.items():
            design = Design.of(groups=groups if grouped else None)
            (value,) = grid(resolve("cka"), *sides, interval=40, design=design)
            kept.append(value.high - value.low)
        values.append(value.value)
    wanted = 2 * 1.96 * np.std(values)
    assert np.median(widths[True]) == pytest.approx(wanted, rel=0.35)
    assert np.median(widths[False]) < 0.65 * wanted
