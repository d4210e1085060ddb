"""The RV coefficient (Robert and Escoufier 1976) as a metric of alignkit."""

import alignkit


def rv(x: alignkit.Representation, y: alignkit.Representation) -> float:
    """Matrix correlation of two representations, in [0, 1]; higher means more aligned."""
    import torch

    a, b, ab = x.centred.T @ x.centred, y.centred.T @ y.centred, x.centred.T @ y.centred
    return float(ab.square().sum() / (torch.linalg.norm(a) * torch.linalg.norm(b)))


@alignkit.hookimpl
def register_metrics(register: alignkit.RegisterMetrics) -> None:
    register("rv", rv, summary="RV coefficient", range=(0, 1), best=1, symmetric=True)
