"""What the noise of scores over samples means for a correlation, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from alignkit.analysis.score_noise import ScoreNoise


def noise_sentences(noises: Sequence[ScoreNoise]) -> list[str]:
    """Say which tasks' scores cannot be told from chance, and where that is not known."""
    lines = [
        f"{noise.task}: {noise.score} is within two standard errors of chance in "
        f"{noise.near} of {noise.known} runs ({noise.lowest:.3f} to {noise.highest:.3f}, "
        f"standard error {noise.se:.3f}, chance {noise.chance:.3f}); differences between "
        "such runs may be noise of the test set"
        for noise in noises
        if noise.near
    ]
    unknown = [noise for noise in noises if noise.known < noise.runs]
    if unknown:
        named = ", ".join(f"{n.runs - n.known} of {n.runs} runs of {n.task}" for n in unknown)
        lines.append(
            f"no standard error or chance level of the score is stored for {named}: scored by an "
            "earlier version, or by a task's own score; alignkit evaluate --force adds them to "
            "the former"
        )
    return lines
