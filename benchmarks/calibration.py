"""Do the tests, intervals and verdicts keep their error rates? Counts over simulated studies.

Each topic is a module of ``simulations`` with a function ``rows(studies)``; its docstring says
what is simulated. A row gives a rate with its 95 % Monte Carlo interval, what is allowed, and
the rate of the former definition where there was one. Seeds are fixed.

    python benchmarks/calibration.py                        every topic, 400 studies per row
    python benchmarks/calibration.py --studies 4000         the table of benchmarks/calibration.md
    python benchmarks/calibration.py correlation            only this topic
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

SIMULATIONS = Path(__file__).with_name("simulations")
SHORT = 400


def topics() -> list[str]:
    """Return the names of the topics, in alphabetical order."""
    names = [module.name for module in pkgutil.iter_modules([str(SIMULATIONS)])]
    return sorted(name for name in names if name != "rows")


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
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.topics) - set(topics()))
    if unknown:
        parser.error(f"there is no topic {unknown[0]}; there are: {', '.join(topics())}")
    for topic in asked.topics or topics():
        module = importlib.import_module(f"simulations.{topic}")
        print(f"\n### {topic}\n\n| study | counted | before | now (95 % interval) | allowed |")
        print("|---|---|---|---|---|")
        for row in module.rows(asked.studies):
            print(row.line(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
