"""``alignkit show``: what one registered name is."""

from typing import Annotated

import typer

from alignkit.cli.arguments import Json, complete_kind, plural


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("show", rich_help_panel="Inspection")(show)


def _complete_name(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from alignkit.plugins import registry

    entries = registry().entries(plural(ctx.params.get("kind") or "metrics"))
    return [(e.name, e.summary) for e in entries if e.name.startswith(incomplete)]


def show(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="metric, architecture, placement, task, target, objective, loss, encoder, "
            "space, score, section, layer_rule or pooling.",
            autocompletion=complete_kind,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Registered name, optionally with options (NAME:KEY=VALUE); a placement may "
            "also be given as layer indices (3,4,10).",
            autocompletion=_complete_name,
        ),
    ],
    json: Json = False,
) -> None:
    """Show what a plugin declares, the schedule of a model, and the sites of an encoder.

    An encoder that is named with its model (hf:FOLDER) is run on two samples: its sites follow with
    their shapes and poolings, its input and its number of parameters.

    Examples: alignkit show placement late

    alignkit show metric unbiased_cka

    alignkit show encoder hf:FOLDER
    """
    from alignkit.cli.printing import pages

    pages.show(plural(kind), name, json)
