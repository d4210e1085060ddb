"""Linear probes: the closed form, the optimum, and what each split may and may not decide."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from alignkit.analysis.probing.linear import NEVER, PENALTIES, Samples, constant_scores, fit_probe
from alignkit.errors import DataError, UsageError
from alignkit.tasks import Binary, MultiLabel, Pairs, SingleLabel
from alignkit_tasks.targets import Ordinal, Regression

CLASSES = SingleLabel(("a", "b", "c"))
TAGS = MultiLabel(("x", "y"))


def _split(n, target, seed=0, width=6, noise=1.0):
    """Samples whose labels are linear in their columns, which differ in mean and scale."""
    rng = np.random.default_rng([seed, n])
    values = rng.standard_normal((n, width))
    hidden = values @ np.random.default_rng(9).standard_normal((width, 3))
    hidden += noise * rng.standard_normal((n, 3))
    if isinstance(target, SingleLabel):
        targets = hidden.argmax(axis=1)
    elif isinstance(target, MultiLabel):
        targets = (hidden[:, :2] > 0).astype(int)
    else:
        targets = (hidden[:, 0] > 0).astype(int)
    scales = np.random.default_rng(8).uniform(0.1, 20, width)
    return Samples(values * scales + 5 * scales, targets)


def _three(target, **options):
    return [_split(n, target, seed, **options) for seed, n in enumerate((120, 60, 80))]


def _standardised(train, part):
    return (part.values - train.values.mean(axis=0)) / train.values.std(axis=0)


def _logits_by_ridge(train, part, signs, penalty):
    """The closed form in float64, with the intercept left unpenalised."""
    x, n = _standardised(train, train), len(signs)
    inverse = np.linalg.inv(x.T @ x + penalty * n * np.eye(x.shape[1]))
    return _standardised(train, part) @ (inverse @ x.T @ signs) + signs.mean(axis=0)


@pytest.mark.parametrize("target", [Binary(), CLASSES, TAGS], ids=lambda t: type(t).__name__)
def test_ridge_is_the_closed_form_at_the_penalty_that_validation_prefers(target):
    train, validation, test = _three(target)
    probe = fit_probe("ridge", target, train, validation, test)
    y = np.eye(3)[train.targets] if target is CLASSES else train.targets.reshape(120, -1)
    by_penalty = {
        penalty: target.scores(
            validation.targets, _logits_by_ridge(train, validation, 2.0 * y - 1, penalty)
        )[target.primary]
        for penalty in PENALTIES
    }
    assert probe.validation == pytest.approx(max(by_penalty.values()))
    first = next(p for p in PENALTIES if by_penalty[p] == pytest.approx(probe.validation))
    assert probe.penalty == first, "of several that are equally good, the strongest"
    logits = _logits_by_ridge(train, test, 2.0 * y - 1, probe.penalty)
    assert probe.scores == pytest.approx(target.scores(test.targets, logits))
    assert probe.scores[target.primary] > 0.7


def test_ridge_is_the_same_where_samples_are_fewer_than_columns_and_where_columns_repeat():
    train, validation, test = _three(Binary(), width=150)
    few = train[np.arange(100)]
    probe = fit_probe("ridge", Binary(), few, validation, test)
    logits = _logits_by_ridge(few, test, 2.0 * few.targets[:, None] - 1, probe.penalty)
    assert probe.scores == pytest.approx(Binary().scores(test.targets, logits))
    narrow = _three(Binary())
    doubled = [Samples(np.tile(part.values, 2), part.targets) for part in narrow]
    probe = fit_probe("ridge", Binary(), *doubled)
    signs = 2.0 * doubled[0].targets[:, None] - 1
    logits = _logits_by_ridge(doubled[0], doubled[2], signs, probe.penalty)
    assert probe.scores == pytest.approx(Binary().scores(doubled[2].targets, logits))


def test_logistic_is_the_optimum_of_the_penalised_log_loss():
    train, validation, test = _three(CLASSES)
    probe = fit_probe("logistic", CLASSES, train, validation, test)
    x, y = _standardised(train, train), np.eye(3)[train.targets]

    def loss(flat):
        weights, offset = flat[:18].reshape(6, 3), flat[18:]
        fit = -(y * log_softmax(x @ weights + offset, axis=1)).sum() / len(y)
        return fit + probe.penalty / 2 * (weights**2).sum()

    found = minimize(loss, np.zeros(21), method="BFGS").x
    logits = _standardised(train, test) @ found[:18].reshape(6, 3) + found[18:]
    assert probe.scores == pytest.approx(CLASSES.scores(test.targets, logits))
    assert probe.converged


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
@pytest.mark.parametrize("target", [Binary(), TAGS], ids=lambda t: type(t).__name__)
def test_labels_of_test_decide_nothing_but_the_scores(kind, target):
    train, validation, test = _three(target)
    probe = fit_probe(kind, target, train, validation, test)
    flipped = Samples(test.values, 1 - test.targets)
    other = fit_probe(kind, target, train, validation, flipped)
    assert (other.penalty, other.validation) == (probe.penalty, probe.validation)
    assert other.scores != probe.scores
    moved = Samples(test.values * 100 + 7, test.targets)
    third = fit_probe(kind, target, train, validation, moved)
    assert (third.penalty, third.validation) == (probe.penalty, probe.validation)


def test_columns_are_standardised_by_train_alone():
    train, validation, test = _three(Binary())
    scale, shift = np.array([1e-3, 1, 50, 3, 0.2, 9]), np.array([7, 0, -3, 1, 1e3, 2])
    scaled = [Samples(p.values * scale + shift, p.targets) for p in (train, validation, test)]
    probe, same = (fit_probe("ridge", Binary(), *p) for p in ((train, validation, test), scaled))
    assert same.scores == pytest.approx(probe.scores)
    off = Samples(test.values + 3 * train.values.std(axis=0), test.targets)
    drifted = fit_probe("ridge", Binary(), train, validation, off)
    assert drifted.scores["accuracy"] < probe.scores["accuracy"], "test is not centred by itself"
    assert drifted.scores["auroc"] == pytest.approx(probe.scores["auroc"])


def test_a_constant_column_and_a_constant_layer_are_chance():
    train, validation, test = _three(Binary())
    blank = [Samples(np.ones_like(p.values), p.targets) for p in (train, validation, test)]
    assert fit_probe("ridge", Binary(), *blank).scores["auroc"] == 0.5
    for part in (train, validation, test):
        part.values[:, 0] = 3.0
    assert fit_probe("ridge", Binary(), train, validation, test).scores["auroc"] > 0.6


def test_a_class_that_train_lacks_is_never_predicted():
    train, validation, test = _three(CLASSES)
    kept = train.targets != 1
    for kind in ("ridge", "logistic"):
        probe = fit_probe(kind, CLASSES, train[kept], validation, test)
        assert 0.3 < probe.scores["accuracy"] < 1
    assert NEVER < -1e3
    lopsided = Samples(train.values, np.column_stack([train.targets > 0, np.ones(120, int)]))
    probe = fit_probe("logistic", TAGS, lopsided, validation=lopsided, test=lopsided)
    assert probe.scores["per_label_accuracy"] > 0.8


def test_chance_labels_give_chance_scores():
    """Choosing a penalty on validation does not lift the score on test."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(60):
        parts = [Samples(rng.standard_normal((n, 4)), rng.integers(0, 2, n)) for n in (60, 40, 80)]
        found.append(fit_probe("ridge", Binary(), *parts).scores["auroc"])
    sd = 0.065  # of an AUROC of 80 samples by chance
    assert np.mean(found) == pytest.approx(0.5, abs=3 * sd / np.sqrt(60))


def test_auroc_is_that_of_scikit_learn():
    train, validation, test = _three(Binary())
    probe = fit_probe("ridge", Binary(), train, validation, test)
    logits = _logits_by_ridge(train, test, 2.0 * train.targets[:, None] - 1, probe.penalty)
    assert probe.scores["auroc"] == pytest.approx(roc_auc_score(test.targets, logits[:, 0]))


def test_a_probe_by_the_loss_of_labels_is_the_logistic_one():
    for target in (Binary(), CLASSES):
        parts = _three(target)
        by_loss, logistic = (fit_probe(kind, target, *parts) for kind in ("loss", "logistic"))
        assert by_loss.converged
        assert by_loss.penalty == logistic.penalty
        assert by_loss.scores == pytest.approx(logistic.scores, abs=5e-3)  # one swapped pair


def test_a_number_is_regressed_by_its_own_loss():
    """The closed form: the mean squared error in units of the scale, and half the penalty."""
    target = Regression(("height",), centre=170.0, scale=10.0)
    train, validation, test = (
        Samples(part.values, 170 + 10 * _standardised(part, part)[:, 0] + 3 * noise)
        for seed, part in enumerate(_three(Binary()))
        for noise in [np.random.default_rng(seed).standard_normal(len(part.targets))]
    )
    probe = fit_probe("loss", target, train, validation, test)
    y = (train.targets[:, None] - 170) / 10
    logits = _logits_by_ridge(train, test, y, probe.penalty / 2)
    assert probe.scores == pytest.approx(target.scores(test.targets, logits), rel=1e-4)
    assert probe.scores["r2"] > 0.8
    assert probe.converged
    constant = constant_scores(target, train.targets, test.targets)
    error = test.targets - train.targets.mean()
    assert constant["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)


def test_grades_are_probed_by_their_own_loss():
    grades = Ordinal(("1", "2", "3"))
    parts = [
        Samples(part.values, np.digitize(_standardised(part, part)[:, 0], [-0.5, 0.7]))
        for part in _three(Binary())
    ]
    probe = fit_probe("loss", grades, *parts)
    train, _, test = parts
    above = np.array(train.targets[:, None] > np.arange(2), float)

    def loss(flat):
        weights, offset = flat[:-2].reshape(-1, 2), flat[-2:]
        logits = _standardised(train, train) @ weights + offset
        each = np.logaddexp(0, logits) - above * logits
        return each.mean() + probe.penalty / 2 * (weights**2).sum()

    found = minimize(loss, np.zeros(2 * train.values.shape[1] + 2), tol=1e-10).x
    logits = _standardised(train, test) @ found[:-2].reshape(-1, 2) + found[-2:]
    assert probe.scores == pytest.approx(grades.scores(test.targets, logits), abs=0.02)
    assert probe.scores["accuracy"] > 0.8
    assert constant_scores(grades, train.targets, test.targets)["accuracy"] < 0.6


def test_what_cannot_be_probed_is_refused():
    train, validation, test = _three(Binary())
    with pytest.raises(UsageError, match="unknown probe 'svm'; known: ridge, logistic, loss"):
        fit_probe("svm", Binary(), train, validation, test)
    with pytest.raises(
        UsageError, match="target is Pairs: use `probe=loss`, which fits by its own"
    ):
        fit_probe("ridge", Pairs(), train, validation, test)
    with pytest.raises(UsageError, match="sets of labels"):
        fit_probe("ridge", Binary(), Samples(train.values, train.values[:, 0]), validation, test)
    one = Samples(train.values, np.ones(120, int))
    with pytest.raises(DataError, match="all training samples have the same label"):
        fit_probe("ridge", Binary(), one, validation, test)
    with pytest.raises(DataError, match="AUROC is undefined"):
        fit_probe("ridge", Binary(), train, Samples(train.values, np.ones(120, int)), test)
    train.values[3, 2] = np.nan
    with pytest.raises(DataError, match="not finite"):
        fit_probe("ridge", Binary(), train, validation, test)
