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
