"""Names of metrics, scores, tasks and objectives as a paper writes them: CKA, AUROC, Toy match."""

from __future__ import annotations

from alignkit.plugins import registry

KINDS = ("metrics", "scores", "tasks", "objectives")
# Scores that targets give are not registered.
SPELLED = {"auroc": "AUROC", "f1": "F1", "twonn": "TwoNN"}


def proper_name(name: str) -> str:
    """Return a name as a paper writes it, with its options in brackets.

    It is the label that a plugin has registered, or else the words of the name.

    >>> proper_name("macro_f1"), proper_name("toy_match:values=4")
    ('Macro F1', 'Toy match (values = 4)')
    """
    base, _, options = name.partition(":")
    said = _label(base) or _words(base)
    if options:
        said += " (" + options.replace("=", " = ").replace(",", ", ") + ")"
    return said


def _label(name: str) -> str:
    bare = name.replace("/", ".").rpartition(".")[2]  # without the distribution
    entries = (entry for kind in KINDS for entry in registry().entries(kind))
    return next((entry.label for entry in entries if entry.label and entry.name == bare), "")


def _words(name: str) -> str:
    words = name.split("_")
    said = " ".join(SPELLED.get(word, word) for word in words)
    return said if words[0] in SPELLED else said[:1].upper() + said[1:]
