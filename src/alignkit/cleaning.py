"""Text of any origin, made harmless where it is shown: in a terminal, a spreadsheet, a web page.

Names, ids, folders, keys of files and what libraries say may hold anything. Every text passes one
of these functions on its way out.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from contextlib import suppress
from typing import Any

LONGEST = 4000  # characters of a message; a name may have any number
LONGEST_CELL = 1000  # characters of a cell that is printed
_END = 500  # characters of the end of a message that stay
# Controls of terminals and of the direction of writing, bytes that are no text, and line breaks.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # they belong to words of some languages, and to emoji
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# A number, or a sign alone, which no spreadsheet calculates.
_HARMLESS = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?)?")


def visible(text: object) -> str:
    r"""Return a text on one line, with what cannot be seen written out, as in ``caf\xe9``."""
    text = str(text)
    return text if text.isprintable() else "".join(map(_escaped, text))


def message(text: str) -> str:
    """Return a message for a terminal.

    It is as a rule one line. Further lines are indented, so that none can be taken for another
    message, and what is very long is cut.
    """
    with suppress(UnicodeEncodeError):  # where Python takes names of files for ASCII
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    first, *others = text.split("\n")
    inner = (line if line.startswith(" ") or not line else f"  {line}" for line in others)
    return shortened("\n".join(map(visible, (first, *inner))), LONGEST, _END)


def print_message(text: str) -> None:
    """Print a message on stderr, see ``message``."""
    print(message(text), file=sys.stderr)


def shortened(text: str, most: int, end: int = 0) -> str:
    """Return a text without the middle of what is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    last = text[len(text) - end :]
    return f"{text[: most - end]} ... ({len(text) - most:,} characters) ... {last}".rstrip()


def without_formula(cell: Any) -> Any:
    """Return a cell for a spreadsheet, quoted where its text would be taken for a formula.

    Numbers, also those with a sign, are left as they are.
    """
    dangerous = (
        isinstance(cell, str) and cell.startswith(_FORMULA) and not _HARMLESS.fullmatch(cell)
    )
    return f"'{cell}" if dangerous else cell


def as_html(text: object) -> str:
    """Return a text for a web page: nothing in it is a tag, an entity or a control character."""
    return html.escape(visible(text))


def _escaped(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    byte = ord(character) - 0xDC00  # one of a file's name that is not UTF-8
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape").decode()
