"""The pages that link results, kept by every command that writes some."""

from pathlib import Path


def link_results(*places: Path | None, figures: Path | None = None) -> None:
    """Link written tables and folders from the page of their folder, and say where it is.

    Parameters
    ----------
    *places : Path or None
        Tables, and folders of results; those that were not written are passed over.
    figures : Path, optional
        A folder of figures.
    """
    from alignkit.cli.printing import console
    from alignkit.report.index import add_to_index

    written = [place for place in places if place is not None and place.exists()]
    for page in add_to_index(written, figures if figures and figures.exists() else None):
        console.note(f"all results: {page}")
