"""Mistakes that authors of plugins make, and the line that each gets.

Every module beside this one holds the rows of one area in ``MISTAKES``; ``test_mistakes.py`` runs
them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = "import alignkit\n\n"


@dataclass(frozen=True)
class Mistake:
    """One mistake: a plugin, a command that meets it, and what the command says.

    Attributes
    ----------
    name : str
    source : str
        The plugin, ``wrong.py``; ``import alignkit`` is put before it.
    command : str
        After ``alignkit --plugin wrong.py``, in a folder with ``x.npy`` and ``y.npy``, two
        related arrays of 40 samples.
    line : str
        What a line of stderr says, whole; ``[...]`` stands for anything. Empty where the message
        is part of the results, on stdout.
    code : int
        The exit code: 0 where others go on.
    stdout : str
        What stdout contains.
    distribution : dict or None
        Metadata of the distribution in which the plugin is installed as ``wrong``, instead of a
        file: ``group``, ``value``, ``requires``, ``code`` (a second module, ``wrong_code``).
    """

    name: str
    source: str
    command: str
    line: str
    code: int = 1
    stdout: str = ""
    distribution: dict[str, object] | None = field(default=None)


def metric(body: str, declared: str = "", parameters: str = "x, y") -> str:
    """Return a plugin with one metric, ``mine``, whose function has this body."""
    return (
        f"def mine({parameters}):\n    {body}\n\n\n"
        "@alignkit.hookimpl\ndef register_metrics(register):\n"
        f"    register('mine', mine{', ' if declared else ''}{declared})\n"
    )
