"""Controlled variables: what they are over units, and what is left of others without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from alignkit.errors import UsageError
from alignkit.statistics.requirements import is_constant

_EXPLAINED = 1e-9  # share of a variable's length below which nothing is left of it
_DEPENDENT = 1e-9  # relative singular value below which controls determine each other


def encode_controls(runs: pd.DataFrame, controls: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return each controlled variable as columns of numbers, one row per run.

    Parameters
    ----------
    runs : DataFrame
        One row per run, with its task and its unit (``_unit``).
    controls : sequence of str
        Columns. Text has one column of 0 and 1 for each value but the first.

    Returns
    -------
    dict of str to DataFrame

    Raises
    ------
    UsageError
        If a control has missing values, or is text that differs between the runs of a unit.
    """
    encoded = {}
    for control in controls:
        values = runs[control]
        missing = values.isna()
        if missing.any():
            first = runs.loc[missing, "placement"].iloc[0]
            raise UsageError(
                f"`control` is {control}, which is missing in {int(missing.sum())} of {len(runs)} "
                f"runs (first: placement {first}); fill it in, or leave out these runs"
            )
        if pd.api.types.is_numeric_dtype(values):
            encoded[control] = values.astype(float).to_frame()
            continue
        texts = values.astype(str)
        mixed = texts.groupby([runs["task"], runs["_unit"]]).nunique() > 1
        if mixed.any():
            _, unit = mixed[mixed].index[0]
            raise UsageError(
                f"`control` is {control}, which is text and differs between the runs of {unit}; "
                "a unit needs one value"
            )
        encoded[control] = pd.get_dummies(texts, prefix=control, drop_first=True, dtype=float)
    return encoded


def unit_controls(encoded: Mapping[str, pd.DataFrame], runs: pd.DataFrame, task: str) -> np.ndarray:
    """Return the controlled variables over the units of a task, ``(units, columns)``.

    Parameters
    ----------
    encoded : mapping of str to DataFrame
        As by ``encode_controls``.
    runs : DataFrame
        The runs of the task that count, with their unit (``_unit``).
    task : str
        For messages.

    Raises
    ------
    UsageError
        If a control is constant, or determined by the others.
    """
    columns: list[np.ndarray] = []
    for control, values in encoded.items():
        means = values.loc[runs.index].groupby(runs["_unit"], sort=True).mean().to_numpy(float)
        varying = [column for column in means.T if len(column) and not is_constant(column)]
        if len(means) and not varying:
            raise UsageError(
                f"`control` is {control}, which is constant over the units of {task}: there is "
                "nothing to control for"
            )
        columns += varying
    if not columns:
        return np.empty((runs["_unit"].nunique(), 0))
    together = np.column_stack(columns)
    if len(together) > together.shape[1] + 1 and orthonormal(together).shape[1] < len(columns):
        raise UsageError(
            f"`control` is {', '.join(encoded)}, which determine each other over the units of "
            f"{task}; leave one out"
        )
    return together


def orthonormal(controls: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span centred controls, ``(n, k)``.

    Parameters
    ----------
    controls : ndarray (n, columns)
        Constant or dependent columns add nothing, so k may be below their number.
    """
    if not controls.size:
        return np.empty((len(controls), 0))
    centred = controls - controls.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    size = np.maximum(1e-300, np.abs(controls).max(axis=0, initial=0.0))
    varies = length > _DEPENDENT * size
    if not varies.any():
        return np.empty((len(controls), 0))
    basis, singular, _ = np.linalg.svd(centred[:, varies] / length[varies], full_matrices=False)
    independent: np.ndarray = basis[:, singular > _DEPENDENT * singular[0]]
    return independent


def adjusted(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return values without what controls explain of them, around the same mean, ``(n,)``.

    Where next to nothing is left, the values are constant.

    Parameters
    ----------
    values : ndarray (n,)
    basis : ndarray (n, k)
        As by ``orthonormal``; with k = 0 the values stay as they are.
    """
    if not basis.shape[1]:
        return values
    mean = values.mean()
    centred = values - mean
    left = centred - basis @ (basis.T @ centred)
    if np.linalg.norm(left) <= _EXPLAINED * np.linalg.norm(centred):
        return np.full_like(values, mean)
    rest: np.ndarray = mean + left
    return rest
