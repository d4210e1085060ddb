"""``alignkit plugins``: which plugins are installed, whether they load, and whether they hold."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import Json

if TYPE_CHECKING:
    from alignkit.plugins import Plugin
    from alignkit.testing import Result


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    commands = App()
    commands.callback(invoke_without_command=True)(plugins)
    commands.command()(check)
    app.add_typer(commands, name="plugins", rich_help_panel="Inspection")


def complete_checked(incomplete: str) -> list[tuple[str, str]]:
    """Complete distributions, kinds and registered names, each with what it is."""
    from alignkit.plugins import KINDS, registry
    from alignkit.plugins.registry import singular

    known = {plugin.distribution: "plugin" for plugin in registry().plugins}
    for kind in KINDS:
        known[singular(kind)] = "kind"
        known |= {
            entry.name: f"{singular(kind)}: {entry.summary}" for entry in registry().entries(kind)
        }
    return [(name, what) for name, what in sorted(known.items()) if name.startswith(incomplete)]


def plugins(
    context: typer.Context,
    json: Json = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also show files, hooks, load times and tracebacks."),
    ] = False,
) -> None:
    """List the installed plugins and what each registers, or check one.

    With -v, the traceback of every plugin that failed to load is shown.

    Examples: alignkit plugins -v

    alignkit plugins check metric mknn
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.plugins import registry

    if context.invoked_subcommand is not None:
        if json or verbose:
            command = f"alignkit plugins {context.invoked_subcommand}"
            raise UsageError(f"write the options after the command: {command} ...")
        return
    rows = [_plugin_row(plugin) for plugin in registry().plugins]
    if json:
        console.print_json(rows)
        return
    columns = ["plugin", "version", "state", "registers"]
    console.print_table(
        [row | {"registers": _counts(row["names"])} for row in rows],
        [*columns, "file", "hooks", "seconds"] if verbose else columns,
    )
    for row in rows:
        for note in row["notes"]:
            console.print_line(f"{row['plugin']} {note}")
    if verbose:
        for plugin in registry().plugins:
            if plugin.error:
                print()
                requires = ", ".join(plugin.requires) or "nothing"
                console.print_line(f"{plugin.name} (requires: {requires})")
                for line in plugin.traceback.splitlines():
                    console.print_line(line)


def check(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[KIND] NAME...",
            help="A distribution, a .py file or a registered name; after a kind, such as metric, "
            "names of that kind, which may have options (NAME:KEY=VALUE,...).",
            autocompletion=complete_checked,
        ),
    ],
    json: Json = False,
) -> None:
    """Run every check of alignkit.testing on a plugin, or on registered names.

    Metrics are measured on synthetic data, architectures built and run on every placement that
    fits, the splits of tasks read. A name that needs data or a download is not checked: give its
    options after its kind. The exit code is 1 if a check fails.

    Examples: alignkit plugins check alignkit-vilbert

    alignkit plugins check my_metric.py

    alignkit plugins check metric mknn:k=5
    """
    from alignkit.cli.printing import console
    from alignkit.testing import examine_plugin
    from alignkit.testing.plugin import FAILS

    results = examine_plugin(words, console.TerminalReporter())
    if json:
        console.print_json([vars(result) for result in results])
    else:
        _print_results(results)
    if any(result.result == FAILS for result in results):
        raise typer.Exit(1)


def _print_results(results: "Sequence[Result]") -> None:
    """Print a table, with the only name in its title, and how many checks hold."""
    from alignkit.cli.printing import console
    from alignkit.testing.plugin import FAILS, HOLDS, NOT_CHECKED

    rows = [vars(result) | {"detail": _brief(result)} for result in results]
    names = {f"{result.kind} {result.name}" for result in results}
    columns = ["check", "result", "detail"]
    if len(names) == 1:
        console.print_table(rows, columns, title=names.pop())
    else:
        console.print_table(rows, ["kind", "name", *columns])
    counts = Counter(result.result for result in results)
    said = f"{counts[HOLDS]} of {counts[HOLDS] + counts[FAILS]} checks hold"
    if counts[NOT_CHECKED]:
        left = counts[NOT_CHECKED]
        said += f"; {left} {'name is' if left == 1 else 'names are'} not checked, for want of "
        said += "data or options: alignkit plugins check KIND NAME:KEY=VALUE"
    console.print_text(f"\n{said}")


def _brief(result: "Result") -> str:
    """Return the detail; of what a name needs, the first clause, as it may list every file."""
    from alignkit.testing.plugin import NOT_CHECKED

    return result.detail.partition(";")[0] if result.result == NOT_CHECKED else result.detail


def _plugin_row(plugin: "Plugin") -> dict[str, Any]:
    from alignkit.plugins.requirements import unmet

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
        "notes": [*plugin.notes, *(f"requires {each}" for each in unmet(plugin.requires))],
        "requires": list(plugin.requires),
    }


def _counts(names_by_kind: dict[str, list[str]]) -> str:
    return ", ".join(
        f"{len(names)} {kind}" if len(names) > 3 else f"{kind} {', '.join(names)}"
        for kind, names in names_by_kind.items()
    )
