"""What this distribution adds, and what each metric declares about itself."""

import math

import alignkit

ROTATION, SCALE, SHIFT = "rotation", "scale", "shift"


@alignkit.hookimpl
def register_metrics(register):  # type: ignore[no-untyped-def]
    register(
        "cka",
        "alignkit_metrics.kernels:cka",
        summary="Linear CKA, biased: cosine of the centred Gram matrices",
        default=True,
        range=(0.0, 1.0),
        best=1.0,
        symmetric=True,
        invariances=(ROTATION, SCALE, SHIFT),
        chance="alignkit_metrics.kernels:cka_chance",
        cost="n^2 d per layer and n^2 per pair; n d^2 per pair where n > d",
        paper="Kornblith et al. 2019, arXiv:1905.00414",
    )
    register(
        "mknn",
        "alignkit_metrics.neighbours:mknn",
        summary="Mutual kNN: share of the k nearest neighbours that both have",
        range=(0.0, 1.0),
        best=1.0,
        symmetric=True,
        invariances=(ROTATION, SCALE),
        chance="alignkit_metrics.neighbours:mknn_chance",
        cost="n^2 d per layer and n k per pair",
        paper="Huh et al. 2024, arXiv:2405.07987",
    )
    register(
        "svcca",
        "alignkit_metrics.subspaces:svcca",
        summary="Mean canonical correlation of the principal subspaces (99 % of the variance)",
        range=(0.0, 1.0),
        best=1.0,
        symmetric=True,
        invariances=(ROTATION, SCALE, SHIFT),
        cost="one SVD per layer and one of rank x rank per pair",
        paper="Raghu et al. 2017, arXiv:1706.05806",
    )
    register(
        "procrustes",
        "alignkit_metrics.geometry:procrustes",
        summary="Orthogonal Procrustes similarity: nuclear norm of X'Y, both of unit norm",
        range=(0.0, 1.0),
        best=1.0,
        symmetric=True,
        invariances=(ROTATION, SCALE, SHIFT),
        variants={
            "form": {
                "angular": {"range": (0.0, math.pi / 2), "best": 0.0},
                "distance": {"range": (0.0, math.sqrt(2)), "best": 0.0},
                "size_and_shape": {
                    "range": (0.0, math.inf),
                    "best": 0.0,
                    "invariances": (ROTATION, SHIFT),
                },
            }
        },
        cost="n d^2 and one SVD of d x d per pair",
        paper="Williams et al. 2021, arXiv:2110.14739",
    )
