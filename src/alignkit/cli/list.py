"""``alignkit list``: the registered names of a kind."""

from typing import Annotated, Any

import typer

from alignkit.cli.arguments import Json, complete_kind, plural


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("list", rich_help_panel="Inspection")(list_names)


def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="metrics, architectures, placements, tasks, targets, objectives, losses, "
            "encoders, spaces, scores, sections, layer_rules, poolings or commands.",
            autocompletion=complete_kind,
        ),
    ],
    json: Json = False,
) -> None:
    """List the registered names of a kind, such as metrics or placements.

    Example: alignkit list metrics
    """
    from alignkit.cli.printing import console

    rows = _commands() if plural(kind) == "commands" else _registered(plural(kind))
    if json:
        console.print_json(rows)
        return
    if not rows:
        console.print_text(f"no {plural(kind)} are registered")
        return
    for row in rows:
        row["default"] = "*" if row["default"] else ""
    console.print_table(rows, ["name", "default", "summary", "plugin"])


def _registered(kind: str) -> list[dict[str, Any]]:
    from alignkit.plugins import registry

    return [
        {
            "name": entry.name,
            "summary": entry.summary,
            "plugin": entry.plugin.distribution,
            "default": entry.default,
        }
        for entry in registry().entries(kind)
    ]


def _commands() -> list[dict[str, Any]]:
    """Return the commands that plugins add, none of which is imported."""
    from alignkit.plugins.commands import installed_commands

    return [
        {
            "name": command.name,
            "summary": command.point.value,
            "plugin": command.distribution.partition(" ")[0],
            "default": False,
        }
        for command in installed_commands().values()
    ]
