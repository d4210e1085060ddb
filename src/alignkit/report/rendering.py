"""Pages from their templates: text that breaks out of nothing, and no file but the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import jinja2

from alignkit.cleaning import visible
from alignkit.report.charts.script import hash_of
from alignkit.report.paper_tables import markdown


def render(name: str, facts: Mapping[str, Any], script: str = "") -> str:
    """Fill a template; in HTML, all text is escaped, style and script are allowed by their hash.

    Parameters
    ----------
    name : str
        A file of ``templates/``: ``.html.j2`` or ``.md.j2``.
    facts : mapping
    script : str
        JavaScript that the page runs.
    """
    html = name.endswith(".html.j2")
    environment = jinja2.Environment(  # nosec B701  # escaped where the file is HTML
        loader=jinja2.PackageLoader("alignkit.report"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_visible if html else None,
    )
    environment.filters["cell"] = markdown
    environment.filters["address"] = partial(quote, safe="/=")
    style = environment.get_template("report.css").render()
    return environment.get_template(name).render(
        facts, style_hash=hash_of(style), script=script, script_hash=hash_of(script)
    )


def _visible(value: Any) -> Any:
    """Write out control characters of plain text; markup was made from such text."""
    return visible(value) if type(value) is str else value
