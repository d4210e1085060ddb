"""How a plan is printed: power by number of placements, and how many are needed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.statistics.power import Plan


@dataclass(frozen=True)
class Mark:
    """A row to mark: a number of placements, what it is, and its runs where there are any."""

    placements: int
    label: str
    runs: int = 0


def show(result: "Plan", here: Mark | None) -> None:
    """Print the power of each design, and how many placements the target needs."""
    settings = result.settings
    title = f"power to detect r = {settings['r']:g} at level {settings['level']:g}"
    rows: dict[int, dict[str, Any]] = {}
    for row in console.records(result.table):
        line = rows.setdefault(row["placements"], {"placements": row["placements"]})
        line["seeds"] = row["seeds"]
        line[_name(row["tests"])] = f"{row['power']:.2f}"
        if row.get("simulated") is not None:
            line[f"{_name(row['tests'])}, simulated"] = f"{row['simulated']:.2f}"
        line["runs"] = row["placements"] * row["seeds"]
        line[""] = ""
        if here is not None and row["placements"] == here.placements:
            line["runs"] = here.runs or line["runs"]
            line[""] = here.label
    first = next(iter(rows.values()))
    columns = [
        "placements",
        "seeds",
        "runs",
        *(c for c in first if c not in ("placements", "seeds", "runs", "")),
        "",
    ]
    console.print_table(rows.values(), columns, title=title)
    for line in settings["needed"]:
        how_many = "more than 2,000" if line["placements"] is None else line["placements"]
        console.print_text(
            f"power {settings['target']:g} with {_name(line['tests'])} needs {how_many} placements"
        )


def _name(tests: int) -> str:
    return "one test" if tests == 1 else f"{tests} tests"
