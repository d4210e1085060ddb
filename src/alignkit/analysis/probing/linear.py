"""Fit a linear probe: standardised on train, its penalty chosen on validation, scored on test."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from alignkit.errors import DataError, UsageError
from alignkit.tasks import Binary, MultiLabel, SingleLabel, Target, are_labels

# Of the mean squared error, or the mean log loss, per unit of squared weights; strongest first.
PENALTIES = tuple(10.0**exponent for exponent in range(2, -5, -1))
# The logit of a class that the training samples lack, below any that is fitted.
NEVER = -1e4
MOST_ITERATIONS = 1000
# The largest part of the gradient where the minimum of a loss counts as reached.
GRADIENT = 1e-5

# What gives the logits of samples; and what fits it for a penalty, and says if it converged.
Fitted = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[float], tuple[Fitted, bool]]


@dataclass(frozen=True)
class Samples:
    """Samples of a split.

    Attributes
    ----------
    values : ndarray (n, width)
        Their representation.
    targets : ndarray (n,) or (n, n_labels)
    """

    values: np.ndarray
    targets: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Samples:
        """Return some samples."""
        return Samples(self.values[rows], self.targets[rows])


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes
    ----------
    penalty : float
        The one of ``PENALTIES`` that was best on validation; of several, the strongest.
    validation : float
        The primary score on validation.
    scores : dict of str to float
        Every score of the target on test.
    converged : bool
        Whether the solver reached its tolerance.
    """

    penalty: float
    validation: float
    scores: dict[str, float]
    converged: bool


def fit_probe(
    kind: str, target: Target, train: Samples, validation: Samples, test: Samples
) -> Probe:
    """Fit a probe with every penalty on train, choose one on validation, and score it on test.

    Parameters
    ----------
    kind : str
        ``ridge`` (squared error to -1 and 1), ``logistic`` (multinomial; of several labels, one
        each), or ``loss`` (the target's own loss, which any target has).
    target : Target
    train, validation, test : Samples

    Raises
    ------
    DataError
        When the training samples have one label only, or a score is undefined on a split.
    UsageError
        For an unknown kind, or a target of which the kind does not know how to predict it.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown probe '{kind}'; known: {', '.join(KINDS)}")
    check_target(kind, target, train.targets)
    if len(np.unique(train.targets, axis=0)) < 2:
        raise DataError("all training samples have the same label; a probe needs at least two")
    train, validation, test = _standardised(train, validation, test)
    declared = target.declaration(target.primary)
    fit = KINDS[kind](target, train)
    best: tuple[float, float, Fitted, bool] | None = None
    for penalty in PENALTIES:
        logits, converged = fit(penalty)
        score = target.scores(validation.targets, logits(validation.values))[target.primary]
        if best is None or declared.is_better(score, best[1]):
            best = penalty, score, logits, converged
    assert best is not None
    penalty, score, logits, converged = best
    scores = target.scores(test.targets, logits(test.values))
    return Probe(penalty, float(score), dict(scores), converged)


def check_target(kind: str, target: Target, targets: np.ndarray) -> None:
    """Refuse a target that is not one of the labels that a kind of probe knows how to predict.

    Raises
    ------
    UsageError
    """
    known = isinstance(target, (SingleLabel, Binary, MultiLabel))
    if kind != LOSS and not (known and are_labels(target, targets)):
        raise UsageError(
            f"`probe={kind}` predicts single labels, yes or no, and sets of labels; this task's "
            f"target is {target.__class__.__name__}: use `probe={LOSS}`, which fits by its own loss"
        )


def _standardised(train: Samples, *others: Samples) -> list[Samples]:
    """Bring all columns to mean 0 and variance 1 on train; constant ones stay constant."""
    from sklearn.preprocessing import StandardScaler

    parts = [replace(part, values=np.asarray(part.values, float)) for part in (train, *others)]
    for part in parts:
        if not np.isfinite(part.values).all():
            raise DataError("the representation has values that are not finite")
    scaler = StandardScaler().fit(parts[0].values)
    return [replace(part, values=scaler.transform(part.values)) for part in parts]


def _ridge(target: Target, train: Samples) -> Fit:
    """Prepare a ridge regression on -1 and 1; the columns of ``train`` have mean 0."""
    from sklearn.linear_model import Ridge

    signs = 2.0 * _indicators(target, train.targets) - 1
    offset = signs.mean(axis=0)
    rows, signs = _condensed(train.values, signs - offset)

    def fit(penalty: float) -> tuple[Fitted, bool]:
        model = Ridge(alpha=penalty * len(train.values), fit_intercept=False).fit(rows, signs)
        weights = np.asarray(model.coef_).reshape(len(offset), -1).T
        return lambda values: values @ weights + offset, True

    return fit


def _condensed(values: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return as many samples as columns that have the same ridge regression, for every penalty.

    Parameters
    ----------
    values : ndarray (n, width)
    signs : ndarray (n, outputs)

    Returns
    -------
    ndarray (rank, width), ndarray (rank, outputs)
        Those given where they are no more than columns, or all columns are constant.
    """
    if len(values) <= values.shape[1] or not values.any():
        return values, signs
    squares, directions = np.linalg.eigh(values.T @ values)
    kept = squares > squares[-1] * len(squares) * np.finfo(float).eps
    lengths, directions = np.sqrt(squares[kept])[:, None], directions[:, kept]
    return lengths * directions.T, directions.T @ (values.T @ signs) / lengths


def _logistic(target: Target, train: Samples) -> Fit:
    """Prepare a logistic regression, of sets of labels one for each label."""
    if isinstance(target, SingleLabel):
        return lambda penalty: _logistic_classes(target, train, penalty)

    def fit(penalty: float) -> tuple[Fitted, bool]:
        parts = [
            _logistic_classes(Binary(), Samples(train.values, column), penalty)
            for column in _indicators(target, train.targets).T
        ]
        fitted = [logits for logits, _ in parts]
        return (
            lambda values: np.concatenate([logits(values) for logits in fitted], axis=1),
            all(converged for _, converged in parts),
        )

    return fit


def _logistic_classes(target: Target, train: Samples, penalty: float) -> tuple[Fitted, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    labels = np.unique(train.targets).astype(int)
    if len(labels) == 1:  # of a set of labels, one that all or none have
        constant = 1.0 if labels[0] else -1.0
        return lambda values: np.full((len(values), 1), constant), True
    # The sum of the log losses is weighted by C against half of the squared weights.
    model = LogisticRegression(C=1 / (penalty * len(train.values)), max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(train.values, train.targets.astype(int))
    converged = not any(issubclass(each.category, ConvergenceWarning) for each in caught)

    def logits(values: np.ndarray) -> np.ndarray:
        found = np.asarray(model.decision_function(values), float).reshape(len(values), -1)
        if target.n_outputs == 1:
            return found
        if found.shape[1] == 1:  # of two classes, scikit-learn gives that of the second
            found = np.concatenate([-found, found], axis=1)
        whole = np.full((len(values), target.n_outputs), NEVER)
        whole[:, labels] = found
        return whole

    return logits, converged


def _by_loss(target: Target, train: Samples) -> Fit:
    """Prepare the minimum of the target's own loss, by L-BFGS in float64 from zero."""
    import torch

    values, targets = torch.from_numpy(train.values), torch.from_numpy(np.asarray(train.targets))
    shape = (values.shape[1], target.n_outputs)

    def fit(penalty: float) -> tuple[Fitted, bool]:
        weights = torch.zeros(shape, dtype=values.dtype, requires_grad=True)
        offset = torch.zeros(shape[1], dtype=values.dtype, requires_grad=True)
        solver = torch.optim.LBFGS(
            [weights, offset],
            max_iter=MOST_ITERATIONS,
            tolerance_grad=GRADIENT / 10,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def penalised() -> torch.Tensor:
            solver.zero_grad()
            loss = target.loss(values @ weights + offset, targets)
            loss = loss + penalty / 2 * weights.square().sum()
            loss.backward()
            return loss

        solver.step(penalised)
        gradients = [part.grad for part in (weights, offset) if part.grad is not None]
        steepest = max(float(each.abs().max()) for each in gradients if each.numel())
        found, constant = weights.detach().numpy(), offset.detach().numpy()
        return lambda rows: rows @ found + constant, steepest <= GRADIENT

    return fit


def constant_scores(target: Target, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Return the scores of test targets by the constant that has the least loss on train.

    Raises
    ------
    DataError
        When a score is undefined.
    """
    logits, _ = _by_loss(target, Samples(np.zeros((len(train), 0)), train))(0.0)
    return dict(target.scores(test, logits(np.zeros((len(test), 0)))))


def _indicators(target: Target, targets: np.ndarray) -> np.ndarray:
    """Return zeros and ones, ``(n, n_outputs)``."""
    if isinstance(target, SingleLabel):
        indicators: np.ndarray = np.eye(target.n_outputs)[targets.astype(int)]
        return indicators
    return np.asarray(targets, float).reshape(len(targets), -1)


LOSS = "loss"
KINDS: dict[str, Callable[[Target, Samples], Fit]] = {
    "ridge": _ridge,
    "logistic": _logistic,
    LOSS: _by_loss,
}
