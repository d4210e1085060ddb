"""Made-up representations as they are stored: in few bits, with huge columns, or collapsed."""

from __future__ import annotations

import numpy as np
import torch

TYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}
# Samples and width: more samples than columns, fewer, and so many that columns are cheaper.
SHAPES = ((24, 12), (16, 30), (70, 7))
SD = 1.3


class Maker:
    """Makes both sides of every kind in a type, from one seed."""

    def __init__(self, kind, shape, seed=0):
        self.kind, (self.n, self.width) = kind, shape
        self.rng = np.random.default_rng([seed, *shape])
        info = torch.finfo(kind)
        self.eps, self.wide = info.eps, info.eps < 1e-6
        self.huge = min(1500.0, info.max / 2)

    def plain(self):
        """Two that share three directions."""
        z = self.rng.standard_normal((self.n, 3))
        return [
            SD
            / 2
            * (
                z @ self.rng.standard_normal((3, self.width))
                + self.rng.standard_normal((self.n, self.width))
            )
            for _ in "xy"
        ]

    def ulp(self, x):
        """The spacing of stored numbers around x."""
        return self.eps * 2 ** np.floor(np.log2(np.abs(x)))

    def wobble(self, x):
        """Move every value by less than is rounded away, or by what several roundings do.

        Over less than the spacing below it, which may be half of that above, so that it becomes
        one of two neighbouring numbers.
        """
        steps = 5.0 if self.wide else 0.24
        return x + steps * self.ulp(x) * self.rng.uniform(-1, 1, x.shape)

    def with_columns(self, make):
        x, y = self.plain()
        x[:, 4], y[:, 2] = make(), -make()
        return x, y

    def huge_constant_column(self):
        return self.with_columns(lambda: np.full(self.n, self.huge))

    def huge_column_of_rounding(self):
        return self.with_columns(lambda: self.wobble(np.full(self.n, self.huge)))

    def huge_column_that_varies(self):
        spread = max(SD, min(4 * self.eps, 0.3) * self.huge)
        return self.with_columns(lambda: self.huge + spread * self.rng.uniform(-1.7, 1.7, self.n))

    def column_of_few_steps(self):
        """Like the others, but around a mean at which its spread is about one spacing."""
        mean = min(self.huge, SD / self.eps)
        return self.with_columns(lambda: mean + SD * self.rng.standard_normal(self.n))

    def huge_mean_of_all_columns(self):
        mean = min(1e5, SD / 2 / self.eps / (16 if self.wide else 1))
        x, y = self.plain()
        return x + mean, y + mean

    def collapsed(self):
        x, y = self.plain()
        return np.tile(x[:1], (self.n, 1)), y

    def collapsed_but_for_rounding(self):
        x, y = self.collapsed()
        return self.wobble(x), y

    def two_distinct_rows(self):
        return [z[self.rng.integers(0, 2, self.n)] for z in self.plain()]

    def two_rows_but_for_rounding(self):
        return [self.wobble(z) for z in self.two_distinct_rows()]

    def equal_distances(self):
        """Orthogonal rows of one length, turned, so that rounding makes distances differ."""
        turned = np.linalg.qr(self.rng.standard_normal((self.n, self.n)))[0]
        return turned, np.random.default_rng(1).standard_normal((self.n, self.n))

    def made(self, case):
        """Return both sides as they were, and as they are stored."""
        sides = [np.ascontiguousarray(side) for side in getattr(self, case)()]
        return sides, [torch.from_numpy(side).to(self.kind) for side in sides]


HUGE = (
    "huge_constant_column",
    "huge_column_of_rounding",
    "huge_column_that_varies",
    "column_of_few_steps",
    "huge_mean_of_all_columns",
)
COLLAPSED = ("collapsed", "collapsed_but_for_rounding")
TWO = ("two_distinct_rows", "two_rows_but_for_rounding")
CASES = ("plain", *HUGE, *COLLAPSED, *TWO, "equal_distances")
