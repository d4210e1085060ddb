"""``alignkit list``, ``show`` and ``plugins``: look, and change nothing."""

from typing import Annotated, Any

import typer

from alignkit.cli.arguments import Json

PANEL = "Look"
KIND = "metrics, architectures, placements, tasks or losses."


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("list", rich_help_panel=PANEL)(list_names)
    app.command("show", rich_help_panel=PANEL)(show)
    app.command("plugins", rich_help_panel=PANEL)(plugins)


def _complete_kind(incomplete: str) -> list[str]:
    from alignkit.plugins import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def _complete_name(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from alignkit.plugins import registry

    entries = registry().entries(_plural(ctx.params.get("kind") or "metrics"))
    return [(e.name, e.summary) for e in entries if e.name.startswith(incomplete)]


def list_names(
    kind: Annotated[str, typer.Argument(help=KIND, autocompletion=_complete_kind)],
    json: Json = False,
) -> None:
    """List what is registered: metrics, architectures, placements, tasks or losses.

    Example: alignkit list metrics
    """
    from alignkit.cli import console
    from alignkit.plugins import registry

    rows = [
        {
            "name": e.name,
            "summary": e.summary,
            "plugin": e.plugin.distribution,
            "default": e.default,
        }
        for e in registry().entries(_plural(kind))
    ]
    if json:
        console.print_json(rows)
        return
    for row in rows:
        row["default"] = "*" if row["default"] else ""
    console.print_table(rows, ["name", "default", "summary", "plugin"])


def show(
    kind: Annotated[
        str,
        typer.Argument(
            help="metric, architecture, placement, task or loss.", autocompletion=_complete_kind
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="A name, with options if wanted; for a placement also indices: 3,4,10.",
            autocompletion=_complete_name,
        ),
    ],
    json: Json = False,
) -> None:
    """Show one thing: its options, what it declares, and for a model its schedule.

    Examples: alignkit show placement late

    alignkit show metric cka
    """
    from alignkit.cli import show as pages

    pages.show(_plural(kind), name, json)


def plugins(
    json: Json = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Files, hooks, load times, tracebacks.")
    ] = False,
) -> None:
    """List plugins and what each registers; -v shows why one failed.

    Example: alignkit plugins -v
    """
    from alignkit.cli import console
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
                print(f"\n{plugin.name} (requires: {', '.join(plugin.requires) or 'nothing'})")
                print(plugin.traceback)


def _plugin_row(plugin: Any) -> dict[str, Any]:
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


def _counts(names: dict[str, list[str]]) -> str:
    return ", ".join(
        f"{len(found)} {kind}" if len(found) > 3 else f"{kind} {', '.join(found)}"
        for kind, found in names.items()
    )


def _plural(kind: str) -> str:
    if kind == "loss":
        return "losses"
    return kind if kind.endswith("s") else f"{kind}s"
