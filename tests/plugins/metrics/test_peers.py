"""Against other implementations, where one is right: RSA by rsatoolbox."""

import numpy as np
import pytest
import rsatoolbox

import alignkit


@pytest.mark.parametrize(("method", "compare"), [("spearman", "spearman"), ("corr", "pearson")])
@pytest.mark.parametrize(
    ("distance", "rdm"), [("correlation", "correlation"), ("euclidean", "euclidean")]
)
def test_rsa_is_that_of_rsatoolbox(method, compare, distance, rdm):
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((40, 3))
    x, y = (shared @ rng.standard_normal((3, d)) + rng.standard_normal((40, d)) for d in (12, 9))
    rdms = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(side), method=distance) for side in (x, y)
    ]
    if rdm == "euclidean":  # theirs are squared; ranks do not mind, correlations do
        rdms = [rsatoolbox.rdm.sqrt_transform(rdm) for rdm in rdms]
    expected = float(rsatoolbox.rdm.compare(*rdms, method=method).item())
    value = alignkit.measure(x, y, "rsa", rdm=rdm, compare=compare)
    assert value == pytest.approx(expected, abs=1e-9)
