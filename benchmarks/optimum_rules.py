"""Which rule tells an optimum from a curve that flattens? False support and power of several.

All rules are applied to the same studies of ``simulations/optimum.py``. Each has a threshold for
its p; it is chosen such that in no row of monotone curves more than 8.4 % pass (which 4,000
studies do not tell from 8 %). The most that any rule could find, if it keeps 8 % on every
monotone curve, is by the lemma of Neyman and Pearson: the power of the likelihood ratio between
the parabola and one monotone curve close to it, with all but the side known.

    python benchmarks/optimum_rules.py                  1,000 studies a curve
    python benchmarks/optimum_rules.py --studies 4000   the table of benchmarks/calibration.md
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr

from alignkit.statistics.rise_and_fall import DRAWN, beyond_decreasing
from simulations import optimum
from simulations.rows import SEED

MONOTONE = (
    optimum.LOGARITHM,
    optimum.SATURATING,
    optimum.FLAT,
    optimum.NORMAL_FLAT,
    optimum.PLATEAU,
    optimum.LEVEL_PARABOLA,
)
OPTIMA = (optimum.PARABOLA, optimum.EARLY_PARABOLA)
UNITS = (8, 12, 20, 30)
ALLOWED, SIZE = 0.084, 0.08


@dataclass(frozen=True)
class Study:
    """Standardised alignment, ascending, with scores, and the fitted parabola."""

    x: np.ndarray
    y: np.ndarray

    @property
    def n(self) -> int:
        """Return the number of units."""
        return len(self.x)

    def fit(self, degree: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return coefficients of a polynomial, their covariance, and residuals."""
        design = np.vander(self.x, degree + 1, increasing=True)
        beta = np.linalg.lstsq(design, self.y, rcond=None)[0]
        rest = self.y - design @ beta
        variance = rest @ rest / (self.n - degree - 1)
        return beta, variance * np.linalg.inv(design.T @ design), rest


Rule = Callable[[Study, float], float]


def of_lines(study: Study, before: int, after: int) -> tuple[float, float]:
    """Return t of the rise of the first and of the fall of the last units, by one variance."""
    slopes, spreads, rest = [], [], 0.0
    for part, sign in ((slice(None, before), 1), (slice(study.n - after, None), -1)):
        dx, dy = (values[part] - values[part].mean() for values in (study.x, study.y))
        slopes.append(sign * (dx @ dy) / (dx @ dx))
        spreads.append(dx @ dx)
        rest += float(dy @ dy - slopes[-1] ** 2 * spreads[-1])
    variance = max(rest / (before + after - 4), 1e-300)
    first, second = (b / np.sqrt(variance / s) for b, s in zip(slopes, spreads, strict=True))
    return float(first), float(second)


def two_lines(study: Study, point: float) -> float:
    """Lines through two fifths of the units or more on each side of the fitted point."""
    least = max(4, int(np.ceil(0.4 * study.n)))
    before = int((study.x <= point).sum())
    sides = of_lines(study, max(before, least), max(study.n - before, least))
    return float(stdtr(study.n - 4, -min(sides)))


def robin_hood(study: Study, _: float) -> float:
    """Lines on each side of the break of Simonsohn (2018), by a cubic curve."""
    beta, covariance, _rest = study.fit(3)
    design = np.vander(study.x, 4, increasing=True)
    curve, error = design @ beta, np.sqrt(((design @ covariance) * design).sum(axis=1))
    top = np.flatnonzero(curve + error >= curve.max())

    def sides(before: int) -> tuple[float, float]:
        before = min(max(before, 2), study.n - 2)
        return of_lines(study, before, study.n - before)

    first, second = np.abs(sides((top[0] + top[-1]) // 2 + 1))
    at = top[0] + round((top[-1] - top[0]) * second / (first + second))
    return float(stdtr(study.n - 4, -min(sides(int(at) + 1))))


def best_break(study: Study, _: float) -> float:
    """Lines on each side of the break that gives the smallest p (max-T)."""
    t = [min(of_lines(study, k, study.n - k)) for k in range(3, study.n - 2)]
    return float(stdtr(study.n - 4, -max(t)))


def ends(study: Study, robust: bool) -> float:
    """Return p of the parabola's slopes at both ends of the range: Lind and Mehlum (2010)."""
    beta, covariance, rest = study.fit()
    if robust:  # HC3
        design = np.vander(study.x, 3, increasing=True)
        inverse = np.linalg.inv(design.T @ design)
        weights = design @ inverse
        scaled = rest / (1 - (weights * design).sum(axis=1))
        covariance = (weights * scaled[:, None] ** 2).T @ weights
    t = []
    for at, sign in ((study.x[0], 1), (study.x[-1], -1)):
        slope = np.array([0, 1, 2 * at])
        t.append(sign * (slope @ beta) / np.sqrt(max(slope @ covariance @ slope, 1e-300)))
    return float(stdtr(study.n - 3, -min(t)))


def contrasts(study: Study, point: float, drawn: float = DRAWN) -> float:
    """What monotone curves leave of a parabola around the fitted point."""
    point += drawn * ((study.x[0] + study.x[-1]) / 2 - point)
    sides = [beyond_decreasing(sign * study.x, sign * point) @ study.y for sign in (1, -1)]
    rest = study.fit()[2]
    return float(stdtr(study.n - 3, -min(sides) / np.sqrt(rest @ rest / (study.n - 3))))


RULES: dict[str, Rule] = {
    "slopes at both ends of the parabola, or Fieller's interval within": lambda s, _: ends(
        s, False
    ),
    "the same, HC3": lambda s, _: ends(s, True),
    "two lines at the break of Simonsohn": robin_hood,
    "two lines at the best of all breaks": best_break,
    "two lines at the turning point (before)": two_lines,
    "contrasts at the turning point": lambda s, point: contrasts(s, point, 0.0),
    "contrasts, the point drawn to the middle (now)": contrasts,
}


def p_values(curve: optimum.Curve, n: int, studies: int) -> np.ndarray:
    """Return p of each rule in each study, ``(rules, studies)``; 1 where no parabola shows."""
    rng = np.random.default_rng([SEED, n, len(curve.name)])
    p = np.ones((len(RULES), studies))
    for i in range(studies):
        x, y = curve.study(n, rng)
        order = np.argsort(x)
        x, y = ((values[order] - values.mean()) / values.std() for values in (x, y))
        study = Study(x, y)
        beta, covariance, _ = study.fit()
        point = -beta[1] / (2 * beta[2])
        bent = stdtr(n - 3, beta[2] / np.sqrt(covariance[2, 2])) < 0.05
        if bent and x[0] <= point <= x[-1]:
            p[:, i] = [rule(study, point) for rule in RULES.values()]
    return p


def most_power(n: int, at: float, studies: int = 20000) -> float:
    """Return the power of the likelihood ratio for a parabola against a decreasing curve.

    Its cutoff is the same for all x: no other rule of that size has more power.
    """
    x = np.random.default_rng(SEED).uniform(0, 1, (studies, n))
    noise = x * 0
    apart = optimum._parabola(at)(x, noise) - optimum._level_parabola(at)(x, noise)
    far = np.maximum(np.sqrt((apart**2).sum(axis=1)) / 0.18, 1e-9)
    low, high = -50.0, 50.0
    for _ in range(60):
        cutoff = (low + high) / 2
        above = ndtr(-(cutoff + far**2 / 2) / far).mean() > SIZE
        low, high = (cutoff, high) if above else (low, cutoff)
    return float(ndtr((far**2 / 2 - cutoff) / far).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--studies", type=int, default=1000, help="[default: %(default)s]")
    studies = parser.parse_args().studies
    curves = (*MONOTONE, *OPTIMA)
    p = {(c.name, n): p_values(c, n, studies) for c in curves for n in UNITS}
    print("| rule | p below | passes at most | optimum at 0.5 | optimum at 0.35 |")
    print("|---|---|---|---|---|")
    for i, rule in enumerate(RULES):
        monotone = [p[c.name, n][i] for c in MONOTONE for n in UNITS]
        level = min(np.sort(values)[int(ALLOWED * studies)] for values in monotone)
        most = max((values < level).mean() for values in monotone)
        power = (
            ", ".join(f"{(p[curve.name, n][i] < level).mean():.2f}" for n in UNITS)
            for curve in OPTIMA
        )
        print(f"| {rule} | {level:.3f} | {most:.3f} | {' | '.join(power)} |")
    bound = (", ".join(f"{most_power(n, at):.2f}" for n in UNITS) for at in (0.5, 0.35))
    print(f"| the most that any rule could | | {SIZE} | {' | '.join(bound)} |")


if __name__ == "__main__":
    main()
