"""How the parameters that messages of the library name are called on the command line."""

import re
import sys
from typing import Any

from alignkit.errors import PARAMETER


def as_options(text: str) -> str:
    """Show the parameters in a message as options of the command that was run.

    >>> as_options("`samples` is 1; it must be at least 2")
    '--samples is 1; it must be at least 2'
    >>> as_options("measure all runs alike with `samples=50`")
    'measure all runs alike with --samples 50'

    What the command has no option for, such as an entry of a study file, stands in quotes.
    Without a command, every parameter is taken for an option.
    """
    if not PARAMETER.search(text):
        return text
    command = _command()
    known = None if command is None else _options(command)
    return PARAMETER.sub(lambda match: _shown(match, known), text)


def _shown(match: re.Match[str], known: dict[str, str] | None) -> str:
    name, value = match["name"], match["value"]
    if known is None:
        option: str | None = "--" + name.replace("_", "-")
    else:
        option = known.get(name) or known.get(name.removesuffix("s"))
    if option is None:
        return f"'{name}'" if value is None else f"'{name} = {value}'"
    return option if value in (None, "True") else f"{option} {value}"


def _command() -> Any:
    """The command that was run, as the words of the command line name it; None for none."""
    from typer.main import get_command

    from alignkit.cli.main import app

    root: Any = get_command(app)
    command = root
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    return None if command is root else command


def _options(command: Any) -> dict[str, str]:
    """The options of a command, by the names of their parameters."""
    found: dict[str, str] = {}
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                found[parameter.name] = found[option[2:].replace("-", "_")] = option
    return found
