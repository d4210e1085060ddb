"""The root of the command line: options for all commands, and how errors end."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from alignkit.cli import (
    agreement,
    consistency,
    correlate,
    data,
    extract,
    hypotheses,
    look,
    measure,
    power,
    report,
    runs,
    sanity,
    search,
    stability,
    study,
    train,
)
from alignkit.errors import AlignkitError

app = typer.Typer(
    name="alignkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    train,
    extract,
    measure,
    correlate,
    report,
    hypotheses,
    agreement,
    stability,
    sanity,
    power,
    study,
    search,
    look,
    runs,
    data,
    consistency,
):
    part.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        from alignkit import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE", help="Also load this .py file as a plugin."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Does co-attention align two streams, and does alignment predict performance?

    The chain: train, evaluate, extract, measure, correlate, report. Every step makes what
    it lacks, skips what is done, and works on all runs unless some are named.

    Example: alignkit train --task toy_redundant --placement late
    """
    from alignkit.cli import console

    console.settings.quiet = quiet
    console.settings.debug = debug
    if plugin:
        from alignkit.plugins import use_plugin_files

        use_plugin_files(plugin)


def main() -> NoReturn:
    """Run the command line; every error is one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if not stream.isatty() and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(standalone_mode=True)
    except AlignkitError as error:
        code = _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader has left (alignkit ... | head); keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = _fail("interrupted; run the same command again to go on", 130)
    except MemoryError:
        code = _fail("out of memory; try fewer --samples or a smaller --batch-size", 1)
    except OSError as error:
        code = _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
    sys.exit(code)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(143)


def _fail(text: str, code: int) -> int:
    from alignkit.cli import console
    from alignkit.cli.options import as_options

    if console.settings.debug:
        raise
    print(f"Error: {as_options(text)}", file=sys.stderr)
    return code
