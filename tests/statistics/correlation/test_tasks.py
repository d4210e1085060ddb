"""What the runs of a task are worth."""

import numpy as np
import pytest

from alignkit.statistics.correlation.tasks import effective_n


def test_effective_n_between_units_and_runs():
    assert effective_n(np.full(8, 3), 1.0) == pytest.approx(8)
    assert effective_n(np.full(8, 3), 0.0) == pytest.approx(24)
    assert effective_n(np.full(5, 3), 0.72) == pytest.approx(15 / 2.44)
    assert effective_n(np.full(8, 3), -0.2) == pytest.approx(24)
