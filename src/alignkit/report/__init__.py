"""Reports: sentences and tables about results, figures with their data, and the page of a report.

Nothing is imported here, so that sentences do not need what figures need.
"""
