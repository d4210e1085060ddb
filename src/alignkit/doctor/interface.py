"""What people see: fonts of figures, letters on the terminal, and completion by TAB."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from alignkit.doctor.child import ChildError, answer_of
from alignkit.doctor.finding import OK, PROBLEM, WARNING, Finding

PROGRAM = "alignkit"
# Where `--install-completion` puts its script, below the home folder.
SCRIPTS = {
    "bash": f".bash_completions/{PROGRAM}.sh",
    "zsh": f".zfunc/_{PROGRAM}",
    "fish": f".config/fish/completions/{PROGRAM}.fish",
}
FONTS = (
    "~/.local/share/fonts",
    "~/.fonts",
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "~/Library/Fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)


def check_fonts(_: Path) -> list[Finding]:
    """Ask matplotlib for the font of figures, and look for one with colour emoji."""
    try:
        facts = answer_of("alignkit.doctor.probe", "fonts")
    except ChildError as error:
        remedy = "reinstall matplotlib, or set MPLCONFIGDIR to a folder that you may write"
        return [Finding("fonts", PROBLEM, f"figures cannot be drawn: {error}", remedy)]
    emoji = next(_emoji_fonts(), None)
    emoji_found = (
        f"colour emoji: {emoji.name}" if emoji else "no colour emoji, which few tasks need"
    )
    if not facts["latin"]:
        remedy = "choose another font in matplotlibrc, such as font.family: DejaVu Sans"
        found = f"{facts['font']}, the font of figures, has no letters"
        return [Finding("fonts", PROBLEM, found, remedy)]
    lacks = f" (without {', '.join(facts['lacks'])})" if facts["lacks"] else ""
    return [Finding("fonts", OK, f"figures: {facts['font']}{lacks}; {emoji_found}")]


def _emoji_fonts() -> Iterator[Path]:
    for folder in FONTS:
        for place, _, files in os.walk(Path(folder).expanduser()):
            for file in sorted(files):
                if fnmatch(file.lower(), "*emoji*.[to]t[fc]"):
                    yield Path(place) / file


def check_encoding(_: Path) -> list[Finding]:
    """Check that names in all scripts can be read from and printed to the terminal."""
    terminal = sys.__stdout__.encoding if sys.__stdout__ is not None else "utf-8"
    encodings = {"terminal": terminal, "file names": sys.getfilesystemencoding()}
    other = [
        f"{what}: {name}"
        for what, name in encodings.items()
        if name.lower().replace("-", "") != "utf8"
    ]
    if other:
        remedy = "export LC_ALL=C.UTF-8, or PYTHONUTF8=1"
        return [Finding("text", WARNING, f"{', '.join(other)}; other letters are escaped", remedy)]
    return [Finding("text", OK, "UTF-8")]


def check_completion(_: Path) -> list[Finding]:
    """Check that the script for completion of the user's shell is there, and read by it."""
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in SCRIPTS:
        known = ", ".join(SCRIPTS)
        found = f"the shell is {shell or 'not known'}; completion is for {known}"
        return [Finding("completion", OK, found)]
    script = Path.home() / SCRIPTS[shell]
    remedy = f"open a new terminal after: alignkit --install-completion {shell}"
    if not script.is_file():
        return [Finding("completion", WARNING, f"not installed for {shell}", remedy)]
    if shell == "bash" and not _mentions(Path.home() / ".bashrc", str(script)):
        return [Finding("completion", WARNING, f"~/.bashrc does not read {script}", remedy)]
    if shell == "zsh" and not _mentions(Path.home() / ".zshrc", ".zfunc"):
        return [Finding("completion", WARNING, f"~/.zshrc does not read {script}", remedy)]
    return [Finding("completion", OK, f"installed for {shell}")]


def _mentions(file: Path, text: str) -> bool:
    try:
        return text in file.read_text(errors="replace")
    except OSError:
        return False
