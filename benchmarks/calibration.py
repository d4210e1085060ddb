"""Do the tests, intervals and verdicts keep their error rates? Counts over simulated studies.

Each topic is a module of ``simulations`` with a function ``rows(studies)``; its docstring says
what is simulated. A row gives a rate with its 95 % Monte Carlo interval, what is allowed, and
the rate of the former definition where there was one. Seeds are fixed.

    python benchmarks/calibration.py                        every topic, 400 studies per row
    python benchmarks/calibration.py --studies 4000         the table of benchmarks/calibration.md
    python benchmarks/calibration.py correlation            only this topic
    python benchmarks/calibration.py --jobs 2               two topics at a time
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

SIMULATIONS = Path(__file__).with_name("simulations")
HELPERS = ("crossed", "rows")
SHORT = 400


def topics() -> list[str]:
    """Return the names of the topics, in alphabetical order."""
    names = [module.name for module in pkgutil.iter_modules([str(SIMULATIONS)])]
    return sorted(name for name in names if name not in HELPERS)


def main(arguments: list[str]) -> None:
    """Print a table per topic."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(topics()))
    parser.add_argument(
        "--studies",
        type=int,
        default=SHORT,
        help="simulated studies per row [default: %(default)s]",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="topics side by side [default: %(default)s]"
    )
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.topics) - set(topics()))
    if unknown:
        parser.error(f"there is no topic {unknown[0]}; there are: {', '.join(topics())}")
    if asked.jobs < 1:
        parser.error(f"--jobs is {asked.jobs}; expected 1 or more")
    chosen = asked.topics or topics()
    if asked.jobs == 1:
        for topic in chosen:
            for line in table(topic, asked.studies):
                print(line, flush=True)
        return
    with ProcessPoolExecutor(asked.jobs) as pool:
        for lines in pool.map(partial(whole_table, asked.studies), chosen):
            print("\n".join(lines), flush=True)


def table(topic: str, studies: int) -> Iterator[str]:
    """Yield the lines of a topic's table."""
    module = importlib.import_module(f"simulations.{topic}")
    yield f"\n### {topic}\n"
    yield "| study | counted | before | now (95 % interval) | allowed |"
    yield "|---|---|---|---|---|"
    for row in module.rows(studies):
        yield row.line()


def whole_table(studies: int, topic: str) -> list[str]:
    """Return the lines of a topic's table, for a process of its own."""
    return list(table(topic, studies))


if __name__ == "__main__":
    main(sys.argv[1:])
