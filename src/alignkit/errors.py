"""Errors that a user sees: one clear line, and the exit code that goes with it."""


class AlignkitError(Exception):
    """Something failed; the message says what, what was expected, and what to run next."""

    exit_code = 1


class UsageError(AlignkitError, ValueError):
    """An argument is wrong: an unknown name, a bad option, ``k >= n``, ids that differ."""

    exit_code = 2


class DataError(AlignkitError):
    """A file or folder is missing, broken or not in the expected form."""


class MissingError(DataError):
    """A file that the data list is not there."""


class PluginError(AlignkitError):
    """A plugin could not be loaded, or two plugins claim one name."""


class UndefinedError(AlignkitError, ArithmeticError):
    """A metric has no value on degenerate data, such as a constant representation.

    Attributes
    ----------
    reason : str
        Why there is no value, as it stands in tables.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
