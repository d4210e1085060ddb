"""Names of metrics, scores and tasks as a paper writes them: CKA, AUROC, Toy match."""

from __future__ import annotations

# How words of names are spelled; all others are written as they are.
SPELLED = {
    "auroc": "AUROC",
    "cca": "CCA",
    "cka": "CKA",
    "cknna": "CKNNA",
    "f1": "F1",
    "imdb": "IMDb",
    "knn": "kNN",
    "lcs": "LCS",
    "mknn": "mKNN",
    "mm": "MM",
    "pwcca": "PWCCA",
    "r2": "R²",
    "rbf": "RBF",
    "rsa": "RSA",
    "svcca": "SVCCA",
    "upmc": "UPMC",
    "vqa": "VQA",
}


def proper_name(name: str) -> str:
    """Return a name as a paper writes it, with its options in brackets.

    >>> proper_name("unbiased_cka"), proper_name("mknn:k=5"), proper_name("toy_match")
    ('Unbiased CKA', 'mKNN (k = 5)', 'Toy match')
    """
    base, _, options = name.partition(":")
    words = base.split("_")
    said = " ".join(SPELLED.get(word, word) for word in words)
    if words[0] not in SPELLED:
        said = said[:1].upper() + said[1:]
    if options:
        said += " (" + options.replace("=", " = ").replace(",", ", ") + ")"
    return said
