"""The report: one page with figures and numbers, and each figure with its data."""

from alignkit.report.page import write_report

__all__ = ["write_report"]
