"""What a docstring says to people at the terminal: its prose and the options, nothing of Python."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest

_RULE = re.compile(r"-{3,}")
_TYPE = re.compile(r"\s*:\s.*")


def documentation(docstrings: Sequence[str], options: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield paragraphs of prose, then the options with what is said of them, and their indents.

    Parameters
    ----------
    docstrings : sequence of str
        In numpydoc's form; those of base classes last. Base classes speak to those who derive
        from them: only their options are taken.
    options : collection of str
        The names of the options; other parameters, which are no concern of the command line, are
        left out, as are errors.
    """
    if not docstrings:
        return
    own = _sections(docstrings[0])
    for paragraph in _paragraphs(own[""]):
        yield paragraph, 0
        yield "", 0
    for _, said in _entries(own.get("Returns", [])):
        for paragraph in _paragraphs(said):
            yield paragraph, 0
            yield "", 0
    for text in docstrings:
        sections = _sections(text)
        for names, said in _entries(sections.get("Parameters", sections.get("Attributes", []))):
            if set(names.split(", ")) & set(options):
                yield names, 0
                yield from ((paragraph, 4) for paragraph in _paragraphs(said))


def _sections(text: str) -> dict[str, list[str]]:
    """Return the sections of a docstring by their headings; its prose has none."""
    lines = text.splitlines()
    name = ""
    sections: dict[str, list[str]] = {"": []}
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        if line.strip() and _RULE.fullmatch(following.strip()):
            name = line.strip()
            sections[name] = []
        elif not _RULE.fullmatch(line.strip()):
            sections[name].append(line)
    return sections


def _entries(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return the entries of a section: their names, and what is said of each."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        if line[:1].strip():
            entries.append((_TYPE.sub("", line).strip(), []))
        elif entries:
            entries[-1][1].append(line)
    return entries


def _paragraphs(lines: list[str]) -> list[str]:
    """Return paragraphs as one line each, with code marked once."""
    text = "\n".join(line.strip() for line in lines).replace("``", "`")
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
