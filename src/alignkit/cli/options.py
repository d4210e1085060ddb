"""How the command line spells the parameters that messages of the library name."""

import re
import sys
from typing import TYPE_CHECKING, Any

from alignkit.errors import PARAMETER

if TYPE_CHECKING:
    import typer

_apps: "list[typer.Typer]" = []


def use_options_of(app: "typer.Typer") -> None:
    """Set the application whose commands have the options."""
    _apps[:] = [app]


def as_options(text: str) -> str:
    """Show the parameters in a message as options of the command that was run.

    >>> as_options("`samples` is 1; it must be at least 2")
    '--samples is 1; it must be at least 2'
    >>> as_options("measure all runs with `samples=50`")
    'measure all runs with --samples 50'

    A parameter for which the command has no option, such as an entry of a study file, is
    shown in quotes. Without a command, every parameter is shown as an option.
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
    """Return the command that the words of the command line name; None if they name none."""
    from typer.main import get_command

    if not _apps:
        return None
    root: Any = get_command(_apps[0])
    command = root
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    return None if command is root else command


def _options(command: Any) -> dict[str, str]:
    """Return the options of a command by the names of their parameters."""
    options: dict[str, str] = {}
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                options[parameter.name] = options[option[2:].replace("-", "_")] = option
    return options
