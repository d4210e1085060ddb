"""The verdict that an association is absent within 0.3 (two one-sided tests on Fisher's z).

At a true r of 0.3, the margin itself, "absent" must be said in at most 5 % of studies, whether
placements are normal or have heavy tails (bivariate t with 3 degrees of freedom). Power is that
at r = 0, compared with 2 Phi(z sqrt(n - 3) - 1.645) - 1, where z is the margin on Fisher's scale.
The Bayes factor (uniform prior) is counted for comparison. There was no such verdict before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from alignkit.statistics.equivalence import MARGIN, bayes_factor, equivalence_p, smallest_margin
from alignkit.statistics.intervals import jackknife_error
from simulations.robust import gaussian
from simulations.rows import SEED, Row

UNITS = (24, 32, 50, 100, 200)


def heavy_tailed(
    rng: np.random.Generator, shape: tuple[int, int], r: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y with a bivariate t distribution, ``(studies, units)`` each."""
    x, y = gaussian(rng, shape, r)
    scale = np.sqrt(3 / rng.chisquare(3, shape))
    return x * scale, y * scale


def said(
    units: int, studies: int, r: float, heavy: bool = False, seed: int = SEED
) -> tuple[int, int]:
    """Return how many studies are called absent, and how many have a Bayes factor above 3."""
    rng = np.random.default_rng([seed, units, int(100 * r), heavy])
    x, y = (heavy_tailed if heavy else gaussian)(rng, (studies, units), r)
    absent = favoured = 0
    for a, b in zip(x, y, strict=True):
        observed = float(np.corrcoef(a, b)[0, 1])
        error = max(1 / math.sqrt(units - 3), jackknife_error(a, b))
        testable = smallest_margin(units) < MARGIN
        absent += testable and equivalence_p(observed, error) < 0.05
        favoured += bayes_factor(observed, units) > 3
    return absent, favoured


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for heavy in (False, True):
        tails = ", heavy tails" * heavy
        for n in UNITS:
            absent, favoured = said(n, studies, MARGIN, heavy)
            yield Row(f"true r {MARGIN}{tails}; {n}", "absent", absent, studies, "at most 0.06", 0)
            yield Row(f"true r {MARGIN}{tails}; {n}", "BF01 above 3", favoured, studies)
    for n in UNITS:
        absent, favoured = said(n, studies, 0.0)
        reach = math.atanh(MARGIN) * math.sqrt(n - 3) - norm.isf(0.05)
        limit = f"predicted {max(0.0, 2 * norm.cdf(reach) - 1):.3f}"
        yield Row(f"no association; {n}", "absent", absent, studies, limit, 0)
        yield Row(f"no association; {n}", "BF01 above 3", favoured, studies)
