"""``python -m alignkit`` is the same as ``alignkit``."""

import sys
from typing import NoReturn

from alignkit.signals import INTERRUPTED, end_when_told


def main() -> NoReturn:
    """Run the command line; signals end it in order from the start, also while it is imported."""
    end_when_told()
    try:
        from alignkit.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
