"""Studies: many runs described by one file, made, measured and analysed by one command."""

from alignkit.studies.file import Study, read_study
from alignkit.studies.plan import Plan, make_plan

__all__ = ["Plan", "Study", "make_plan", "read_study"]
