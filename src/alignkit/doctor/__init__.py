"""Whether this machine, this installation and this folder are fit for work, and how to mend it."""

from alignkit.doctor.finding import OK, PROBLEM, WARNING, Finding
from alignkit.doctor.run import diagnose

__all__ = ["OK", "PROBLEM", "WARNING", "Finding", "diagnose"]
