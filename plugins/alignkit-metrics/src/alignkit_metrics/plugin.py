"""Registered metrics and losses, with what each metric declares about itself."""

import math
from typing import Final

import alignkit

# What is stored goes by the versions declared here, not by every edit of the code.
VERSIONED = True

HERE = "alignkit_metrics"
DEFAULT = "unbiased_cka"
ROTATION: Final = "rotation"
SCALE: Final = "scale"
SHIFT: Final = "shift"
LINEAR: Final = "linear"
SHAPE: Final = (ROTATION, SCALE, SHIFT)

# Symmetric similarities in [0, 1], the most common case.
SIMILARITY: alignkit.MetricDeclarations = {"range": (0.0, 1.0), "best": 1.0, "symmetric": True}
SIGNED: alignkit.MetricDeclarations = SIMILARITY | {"range": (-1.0, 1.0)}
WITHOUT_SHIFT: alignkit.MetricDeclarations = {"invariances": (ROTATION, SCALE)}
NORMED = {"normed": {True: WITHOUT_SHIFT}}
GRAM_COST = "n^2 d per layer and n^2 per pair"
KNN_COST = "n^2 d per layer and n k per pair"
SET_TIES: alignkit.MetricDeclarations = {"ties": f"{HERE}.lookups:set_ties", "version": 2}
LIST_TIES: alignkit.MetricDeclarations = {"ties": f"{HERE}.lookups:list_ties", "version": 2}
CCA_COST = "one SVD per layer and one of rank x rank per pair"

# Name: module, summary, declarations.
METRICS: dict[str, tuple[str, str, alignkit.MetricDeclarations]] = {
    "cka": (
        "kernels",
        "Linear CKA (biased); inflated when there are few samples for the width",
        SIMILARITY
        | {
            "invariances": SHAPE,
            "chance": f"{HERE}.kernels:cka_chance",
            "inflated": True,
            "null": f"{HERE}.kernels:cka_null",
            "cost": f"{GRAM_COST}; n d^2 per pair where n > d",
            "variants": NORMED,
            "paper": "Kornblith et al. 2019, arXiv:1905.00414",
        },
    ),
    "unbiased_cka": (
        "kernels",
        "Linear CKA from the unbiased HSIC estimator; 0 at chance for any number of samples",
        SIGNED
        | {
            "null": f"{HERE}.kernels:unbiased_cka_null",
            "invariances": SHAPE,
            "chance": f"{HERE}.kernels:zero_chance",
            "cost": GRAM_COST,
            "variants": NORMED,
            "paper": "Song et al. 2012; Nguyen et al. 2020, arXiv:2010.15327",
        },
    ),
    "cka_rbf": (
        "kernels",
        "CKA with Gaussian kernels whose bandwidth is the median distance",
        SIMILARITY
        | {
            "null": f"{HERE}.kernels:cka_rbf_null",
            "invariances": ("rotation", "shift"),
            # A bandwidth that is given does not follow the scale of the data.
            "variants": {"bandwidth": {None: {"invariances": SHAPE}}},
            "chance": f"{HERE}.kernels:cka_rbf_chance",
            "version": 2,
            "cost": GRAM_COST,
            "inflated": True,
            "paper": "Kornblith et al. 2019, arXiv:1905.00414",
        },
    ),
    "rv2": (
        "kernels",
        "Modified RV coefficient: cosine of the Gram matrices without their diagonals",
        SIGNED
        | {
            "null": f"{HERE}.kernels:rv2_null",
            "invariances": SHAPE,
            "chance": f"{HERE}.kernels:rv2_chance",
            "cost": GRAM_COST,
            "paper": "Smilde et al. 2009, Bioinformatics 25(3)",
        },
    ),
    "distance_correlation": (
        "kernels",
        "Distance correlation, from Euclidean distances",
        SIMILARITY
        | {
            "null": f"{HERE}.kernels:distance_correlation_null",
            "invariances": SHAPE,
            "cost": GRAM_COST,
            "variants": {
                "unbiased": {True: {"range": (-1.0, 1.0), "chance": f"{HERE}.kernels:zero_chance"}}
            },
            "paper": "Szekely et al. 2007, Annals of Statistics 35(6)",
        },
    ),
    "mknn": (
        "neighbours",
        "Mutual kNN: fraction of the k nearest neighbours found in both",
        SIMILARITY
        | SET_TIES
        | {
            "invariances": (ROTATION, SCALE),
            "chance": f"{HERE}.neighbours:mknn_chance",
            "null": f"{HERE}.neighbours:mknn_null",
            "within": "classes",
            "cost": KNN_COST,
            "paper": "Huh et al. 2024, arXiv:2405.07987",
        },
    ),
    "jaccard": (
        "neighbours",
        "Jaccard index of the two sets of k nearest neighbours",
        SIMILARITY
        | SET_TIES
        | {
            "invariances": (ROTATION, SCALE),
            "chance": f"{HERE}.neighbours:jaccard_chance",
            "null": f"{HERE}.neighbours:jaccard_null",
            "within": "classes",
            "cost": KNN_COST,
            "paper": "Wang et al. 2020, arXiv:2006.02876",
        },
    ),
    "cycle_knn": (
        "neighbours",
        "Fraction of samples recovered by a neighbour step in y and one back in x",
        SIMILARITY
        | SET_TIES
        | {
            "symmetric": False,
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": KNN_COST,
            "identity": "below 1 if some sample is nobody's neighbour; see self_score",
            "null": f"{HERE}.neighbours:cycle_knn_null",
            "paper": "Huh et al. 2024, arXiv:2405.07987",
        },
    ),
    "lcs_knn": (
        "neighbour_lists",
        "Longest common subsequence of the neighbour lists, divided by k",
        SIMILARITY
        | LIST_TIES
        | {
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": f"{KNN_COST}^2",
            "paper": "Huh et al. 2024, arXiv:2405.07987",
        },
    ),
    "edit_distance_knn": (
        "neighbour_lists",
        "1 minus the edit distance of the neighbour lists divided by k",
        SIMILARITY
        | LIST_TIES
        | {
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": f"{KNN_COST}^2",
            "paper": "Huh et al. 2024, arXiv:2405.07987",
        },
    ),
    "rank_similarity": (
        "neighbour_lists",
        "Agreement of the ranks of common neighbours",
        SIMILARITY
        | LIST_TIES
        | {
            "null": f"{HERE}.neighbour_lists:rank_similarity_null",
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": KNN_COST,
            "paper": "Wang et al. 2020, arXiv:2006.02876",
        },
    ),
    "cknna": (
        "neighbour_kernels",
        "CKA restricted to mutual nearest neighbours",
        SET_TIES
        | {
            "range": (-math.inf, math.inf),
            "best": 1.0,
            "symmetric": False,
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": GRAM_COST,
            "paper": "Huh et al. 2024, arXiv:2405.07987",
        },
    ),
    "second_order_cosine": (
        "neighbour_kernels",
        "Cosine of each sample's similarities to its neighbours in x and in y",
        SIGNED
        | SET_TIES
        | {
            "invariances": (ROTATION, SCALE),
            "within": "classes",
            "cost": GRAM_COST,
            "paper": "Hamilton et al. 2016, arXiv:1606.02821",
        },
    ),
    "information_imbalance": (
        "neighbour_lists",
        "Mean rank in y of the nearest neighbour in x, times 2 / n",
        {
            "range": (0.0, 2.0),
            "best": 0.0,
            "symmetric": False,
            "invariances": SHAPE,
            "ties": f"{HERE}.lookups:nearest_ties",
            "version": 2,
            "chance": f"{HERE}.neighbour_lists:information_imbalance_chance",
            "null": f"{HERE}.nulls:nearest_rank_null",
            "within": "classes",
            "cost": "n^2 (d + log n) per layer and n per pair",
            "identity": "2 / n, as the nearest neighbour has rank 1; more where neighbours tie",
            "paper": "Glielmo et al. 2022, PNAS Nexus 1(2)",
        },
    ),
    "cca": (
        "subspaces",
        "Mean canonical correlation",
        SIMILARITY
        | {
            "invariances": (*SHAPE, LINEAR),
            "chance": f"{HERE}.subspaces:cca_chance",
            "inflated": True,
            "cost": CCA_COST,
            "paper": "Hotelling 1936; Raghu et al. 2017, arXiv:1706.05806",
        },
    ),
    "svcca": (
        "subspaces",
        "Mean canonical correlation of the principal components (99 % of variance)",
        SIMILARITY
        | {
            "version": 2,
            "invariances": SHAPE,
            "inflated": True,
            "cost": CCA_COST,
            "variants": {"standardised": {True: {"invariances": (SCALE, SHIFT)}}},
            "paper": "Raghu et al. 2017, arXiv:1706.05806",
        },
    ),
    "pwcca": (
        "subspaces",
        "Projection-weighted CCA: canonical correlations weighted by importance",
        SIMILARITY
        | {
            "symmetric": False,
            "version": 2,
            "invariances": (SCALE, SHIFT),
            "inflated": True,
            "cost": CCA_COST,
            "paper": "Morcos et al. 2018, arXiv:1806.05759",
        },
    ),
    "eigenspace_overlap": (
        "subspaces",
        "Overlap of the column spaces",
        SIMILARITY
        | {
            "version": 2,
            "invariances": SHAPE,
            "chance": f"{HERE}.subspaces:eigenspace_overlap_chance",
            "cost": CCA_COST,
            "paper": "May et al. 2019, arXiv:1909.01264",
        },
    ),
    "procrustes": (
        "geometry",
        "Procrustes similarity: nuclear norm of X'Y, X and Y of unit norm",
        SIMILARITY
        | {
            "invariances": SHAPE,
            "cost": "n d^2 and one SVD of d x d per pair",
            "variants": {
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
            "paper": "Williams et al. 2021, arXiv:2110.14739",
        },
    ),
    "rsa": (
        "geometry",
        "Correlation of the representational dissimilarity matrices (RDMs)",
        SIGNED
        | {
            "invariances": (SCALE,),
            "chance": f"{HERE}.geometry:rsa_chance",
            "null": f"{HERE}.geometry:rsa_null",
            "cost": "n^2 (d + log n) per layer and n^2 per pair",
            "variants": {
                "rdm": {
                    "cosine": {"invariances": (ROTATION, SCALE)},
                    "euclidean": {"invariances": SHAPE},
                }
            },
            "paper": "Kriegeskorte et al. 2008, Frontiers in Systems Neuroscience 2",
        },
    ),
    "cosine": (
        "geometry",
        "Mean cosine similarity of each sample's two vectors; equal widths only",
        SIGNED
        | {
            "invariances": (SCALE,),
            "chance": f"{HERE}.geometry:cosine_chance",
            "cost": "n d per pair; aligned: n d^2 and one SVD",
            "variants": {"aligned": {True: {"invariances": (ROTATION, SCALE)}}},
            "paper": "aligned: Hamilton et al. 2016, arXiv:1605.09096",
        },
    ),
    "r2": (
        "regression",
        "Variance of held-out y explained by ridge regression on x",
        {
            "range": (-math.inf, 1.0),
            "best": 1.0,
            "symmetric": False,
            "invariances": SHAPE,
            "identity": "below 1, as held-out rows are predicted, not fitted; see self_score",
            "null": f"{HERE}.regression:r2_null",
            "version": 2,
            "cost": "one SVD per layer and fold, n^2 d per pair",
            "paper": "Kornblith et al. 2019, arXiv:1905.00414 (in sample)",
        },
    ),
}

# As papers write them, where that is not the words of the name.
LABELS = {
    "cca": "CCA",
    "cka": "CKA",
    "cka_rbf": "RBF CKA",
    "cknna": "CKNNA",
    "cycle_knn": "Cycle kNN",
    "edit_distance_knn": "Edit-distance kNN",
    "lcs_knn": "LCS kNN",
    "mknn": "Mutual kNN",
    "pwcca": "PWCCA",
    "r2": "R²",
    "rsa": "RSA",
    "rv2": "RV2",
    "second_order_cosine": "Second-order cosine",
    "svcca": "SVCCA",
    "unbiased_cka": "Unbiased CKA",
}


@alignkit.hookimpl
def register_metrics(register: alignkit.RegisterMetrics) -> None:
    """Register every metric of ``METRICS``."""
    for name, (module, summary, declarations) in METRICS.items():
        target, default = f"{HERE}.{module}:{name}", name == DEFAULT
        label = LABELS.get(name, "")
        register(name, target, summary=summary, label=label, default=default, **declarations)


LOSSES = {
    "cka": "Linear CKA (biased) of a batch",
    "unbiased_cka": "Linear CKA of a batch from unbiased HSIC; 0 at chance for any batch size",
    "procrustes": "Procrustes similarity of a batch",
}


@alignkit.hookimpl
def register_losses(register: alignkit.RegisterLosses) -> None:
    """Register every loss of ``LOSSES``, each under the name of its metric."""
    for name, summary in LOSSES.items():
        target, paper = f"{HERE}.losses:{name}", METRICS[name][2]["paper"]
        register(name, target, summary=summary, maximise=True, paper=paper)
