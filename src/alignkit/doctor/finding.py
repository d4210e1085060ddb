"""What a check finds: how it is, and how to mend what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check : str
        What was looked at, such as ``disk``.
    state : str
        ``ok``, ``warning`` (it works, but not as it should) or ``problem``.
    found : str
        How it is.
    remedy : str
        How to mend it; empty where nothing is wrong.
    """

    check: str
    state: str
    found: str
    remedy: str = ""


def in_bytes(number: float) -> str:
    """Return a size as people write it.

    >>> in_bytes(512), in_bytes(2_500_000)
    ('512 B', '2.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
