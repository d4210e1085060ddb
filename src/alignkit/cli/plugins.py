"""``alignkit plugins``: which plugins are installed, and whether they load."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import Json

if TYPE_CHECKING:
    from alignkit.plugins import Plugin


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("plugins", rich_help_panel="Inspection")(plugins)


def plugins(
    json: Json = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also show files, hooks, load times and tracebacks."),
    ] = False,
) -> None:
    """List the installed plugins and what each registers.

    With -v, the traceback of every plugin that failed to load is shown.

    Example: alignkit plugins -v
    """
    from alignkit.cli.printing import console
    from alignkit.plugins import registry

    rows = [_plugin_row(plugin) for plugin in registry().plugins]
    if json:
        console.print_json(rows)
        return
    columns = ["plugin", "version", "state", "registers"]
    console.print_table(
        [row | {"registers": _counts(row["names"])} for row in rows],
        [*columns, "file", "hooks", "seconds"] if verbose else columns,
    )
    if verbose:
        for plugin in registry().plugins:
            if plugin.error:
                print()
                requires = ", ".join(plugin.requires) or "nothing"
                console.print_line(f"{plugin.name} (requires: {requires})")
                for line in plugin.traceback.splitlines():
                    console.print_line(line)


def _plugin_row(plugin: "Plugin") -> dict[str, Any]:
    names: dict[str, list[str]] = {}
    for entry in plugin.entries:
        names.setdefault(entry.kind, []).append(entry.name)
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": "failed" if plugin.error else "loaded",
        "names": names,
        "file": plugin.file,
        "hooks": list(plugin.hooks),
        "seconds": round(plugin.seconds, 4),
        "error": plugin.error,
        "requires": list(plugin.requires),
    }


def _counts(names_by_kind: dict[str, list[str]]) -> str:
    return ", ".join(
        f"{len(names)} {kind}" if len(names) > 3 else f"{kind} {', '.join(names)}"
        for kind, names in names_by_kind.items()
    )
