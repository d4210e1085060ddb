"""The beginning of a plugin: a distribution that works, to be changed into one's own."""

from alignkit.scaffold.distribution import SCAFFOLDS, Scaffold, write_scaffold

__all__ = ["SCAFFOLDS", "Scaffold", "write_scaffold"]
