"""Answers to questions as paragraphs of plain English with their numbers, one file per question."""

from __future__ import annotations

from collections.abc import Callable

from alignkit.analysis.questions import Answer
from alignkit.report.paragraphs import fusions, layers, optimum, placement, pooling, task_dependence

_PARAGRAPHS: dict[str, Callable[[Answer], str]] = {
    "h1": task_dependence.paragraph,
    "h2": layers.paragraph,
    "h3": fusions.paragraph,
    "placement": placement.paragraph,
    "optimum": optimum.paragraph,
    "pooling": pooling.paragraph,
}


def paragraph(answer: Answer) -> str:
    """Return an answer in plain English with its numbers: associations, never causes.

    Parameters
    ----------
    answer : Answer
    """
    return _PARAGRAPHS[answer.question](answer)
