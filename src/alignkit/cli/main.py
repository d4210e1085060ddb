"""The root of the command line: global options, and how errors are reported."""

import gc
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from alignkit.cli import (
    ablation,
    agreement,
    compare,
    consistency,
    correlate,
    data,
    dimension,
    doctor,
    evaluate,
    explain,
    extract,
    hypotheses,
    measure,
    new,
    plot,
    plugins,
    power,
    probe,
    report,
    runs,
    sanity,
    search,
    show,
    stability,
    streams,
    study,
    train,
    trajectory,
)
from alignkit.cli import list as list_command
from alignkit.cli.app import App
from alignkit.cli.options import as_options, use_options_of
from alignkit.cli.plugin_commands import Root
from alignkit.errors import LOWER, AlignkitError, in_one_line, is_out_of_memory
from alignkit.progress import explain_units, report_to
from alignkit.signals import INTERRUPTED, TERMINATED, end_when_told

STOPPED = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}
app = App(
    name="alignkit",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train,
    evaluate,
    extract,
    measure,
    compare,
    correlate,
    report,
    plot,
    hypotheses,
    ablation,
    agreement,
    stability,
    dimension,
    trajectory,
    probe,
    explain,
    sanity,
    power,
    consistency,
    study,
    search,
    list_command,
    show,
    plugins,
    new,
    runs,
    data,
    doctor,
):
    command.add_to(app)
use_options_of(app)


def _version(wanted: bool) -> None:
    if wanted:
        from alignkit import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin", metavar="FILE", help="Also load this .py file as a plugin; repeatable."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only results and errors.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback when an error occurs.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback has acted on it
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Does co-attention align two streams, and does alignment predict performance?

    The chain of commands is train, evaluate, extract, measure, correlate, report. Each step works
    on all runs unless you name some, computes missing inputs first and skips what already exists.

    Example: alignkit train --task toy_redundant --placement late
    """
    from alignkit.cli.printing import console

    console.settings.quiet = quiet
    console.settings.debug = debug
    console.settings.said.clear()
    console.settings.failed.clear()
    report_to(console.reporter())
    explain_units(False)
    if plugin:
        from alignkit.plugins import use_plugin_files

        use_plugin_files(plugin)


def main() -> NoReturn:
    """Run the command line; report every error as one line and an exit code."""
    streams.prepare()
    end_when_told()
    # Runs, tables and figures are millions of objects, which every search for garbage would visit.
    gc.set_threshold(50_000, 20, 1000)
    sys.exit(streams.finish(_run()))


def _run() -> int:
    from alignkit.cli.printing import console

    try:
        with console.told_once():
            _root()(standalone_mode=True)
    except SystemExit as stop:
        if stop.code in STOPPED:  # Typer makes one of a Ctrl-C too
            console.say(f"Error: {STOPPED[stop.code]}; rerun the same command to resume")
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return code or int(bool(console.settings.failed))
    except AlignkitError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail(f"{STOPPED[INTERRUPTED]}; rerun the same command to resume", INTERRUPTED)
    except UnicodeError as error:
        return _fail(f"a name or text is not UTF-8: {error}; rename the file, or convert it", 1)
    except OSError as error:
        return _fail(f"{error.filename or 'a file or the output'}: {error.strerror or error}", 1)
    except BaseException as error:  # the last resort: of a plugin, a library, or a mistake of ours
        return _fail(LOWER if is_out_of_memory(error) else _unexpected(error), 1)
    return int(bool(console.settings.failed))


@cache
def _root() -> Any:
    """Return the command that all others are below, built once in a process."""
    return typer.main.get_command(app)


def _unexpected(error: BaseException) -> str:
    return (
        f"{in_one_line(error)}; this was not expected: run the command again with "
        "alignkit --debug for the traceback, and report it"
    )


def _fail(text: str, code: int) -> int:
    from alignkit.cli.printing import console

    if console.settings.debug:
        raise
    console.say(f"Error: {as_options(text)}")
    return code
