"""``python -m alignkit`` is the same as ``alignkit``."""

from alignkit.cli.main import main

main()
