"""The command line. Signatures are eager, bodies import what they need when they run.

Annotations are objects here and not strings, which Typer would compile one by one whenever
it starts: what only types need to know stands in quotes.
"""
