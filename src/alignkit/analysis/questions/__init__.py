"""The study's questions, one file each: from runs to a table and a paragraph of plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alignkit.analysis.questions.answer import Answer, all_tables, write_tables
from alignkit.analysis.questions.evidence import Evidence, check_independent
from alignkit.analysis.questions.fusions import does_alignment_rise
from alignkit.analysis.questions.layers import do_intermediate_layers_tell_more
from alignkit.analysis.questions.optimum import is_there_an_optimum
from alignkit.analysis.questions.placement import does_alignment_depend_on_placement
from alignkit.analysis.questions.pooling import does_pooling_matter
from alignkit.analysis.questions.task_dependence import does_the_task_matter
from alignkit.errors import UsageError

__all__ = [
    "QUESTIONS",
    "Answer",
    "Evidence",
    "all_tables",
    "ask",
    "check_questions",
    "write_tables",
]

QUESTIONS: dict[str, Callable[[Evidence], Answer]] = {
    "h1": does_the_task_matter,
    "h2": do_intermediate_layers_tell_more,
    "h3": does_alignment_rise,
    "placement": does_alignment_depend_on_placement,
    "optimum": is_there_an_optimum,
    "pooling": does_pooling_matter,
}

# They compare placements, or exchange them, and can have no other unit.
OF_PLACEMENTS = ("h1", "h3", "placement")


def ask(questions: Sequence[str], evidence: Evidence) -> list[Answer]:
    """Answer questions by name, in their order; all of them if none is named.

    Raises
    ------
    UsageError
        For an unknown question, or one that its unit of analysis cannot answer.
    """
    check_questions(questions, evidence.unit)
    wanted = [name for name in QUESTIONS if not questions or name in questions]
    return [QUESTIONS[name](evidence) for name in wanted]


def check_questions(questions: Sequence[str], unit: str = "placement") -> None:
    """Refuse an unknown question, and one that a unit of analysis cannot answer.

    Parameters
    ----------
    questions : sequence of str
        All questions when empty.
    unit : str
        ``placement``, ``variant`` or an option.

    Raises
    ------
    UsageError
        With the questions that are known, or that the unit can answer.
    """
    check_independent(unit)
    for name in questions:
        if name not in QUESTIONS:
            raise UsageError(f"unknown question '{name}'; known: {', '.join(QUESTIONS)}")
    refused = [name for name in questions or QUESTIONS if name in OF_PLACEMENTS]
    if unit != "placement" and refused:
        others = ", ".join(name for name in QUESTIONS if name not in OF_PLACEMENTS)
        raise UsageError(
            f"`unit` is {unit}, but these questions are about placements: {', '.join(refused)}; "
            f"ask only {others}, or use the runs of one value with `where`"
        )
