"""``alignkit new``: begin a plugin."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import plural


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Inspection")(new)


def complete_kind(incomplete: str) -> list[str]:
    """Complete the kinds of plugins that can be begun."""
    from alignkit.scaffold import SCAFFOLDS

    return [kind for kind in SCAFFOLDS if kind.startswith(incomplete)]


def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="metric, placement, architecture, task, encoder, objective, loss or target.",
            autocompletion=complete_kind,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The name that it registers: lower-case letters, digits and underscores.",
        ),
    ],
    directory: Annotated[
        Path,
        typer.Option("--directory", metavar="FOLDER", help="Folder in which to make the new one."),
    ] = Path(),
) -> None:
    """Write a new plugin: a small distribution that works, to be changed into your own.

    The folder of the plugin, alignkit-NAME, holds the code with an example, a test that uses
    alignkit.testing, a pyproject.toml, a workflow that runs the test, and a README. Prints the
    folder.

    Example: alignkit new metric my_metric
    """
    from alignkit import __version__
    from alignkit.cli.printing import console
    from alignkit.plugins.registry import singular
    from alignkit.scaffold import write_scaffold

    written = write_scaffold(singular(plural(kind)), name, directory, __version__)
    console.print_line(written.folder)
    console.note(f"wrote {', '.join(written.files)}; to install and test it, run:")
    for command in written.commands:
        console.note(f"  {command}")
