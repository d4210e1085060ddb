"""The errors that users see: a message of one line, and the exit code that goes with it.

Messages name parameters as Python does, in backticks: ```samples```, or ```samples=50``` with a
value. The command line shows them as its options, ``--samples 50``. Only a whole command
(``alignkit train --force``) is spelled as one types it.
"""

import re

# A parameter in a message, with or without a value.
PARAMETER = re.compile(r"`(?P<name>[a-z_]+)(?:=(?P<value>[^`]*))?`")


class AlignkitError(Exception):
    """An operation failed; the message says what happened, what was expected, what to do next.

    Attributes
    ----------
    exit_code : int
        The exit code of a command that ends with this error.
    """

    exit_code = 1

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that the message mentions, in order, without repeats."""
        return list(dict.fromkeys(match["name"] for match in PARAMETER.finditer(str(self))))


class UsageError(AlignkitError, ValueError):
    """An argument is wrong: an unknown name, a bad option, ``k >= n``, ids that differ."""

    exit_code = 2


class DataError(AlignkitError):
    """A file or folder is missing, broken or not in the expected form."""


class DamagedError(DataError):
    """A file is not what alignkit wrote: it was changed, cut or lost since."""


class MissingError(DataError):
    """A file that the data refer to does not exist."""


class OutOfMemoryError(AlignkitError, MemoryError):
    """The memory of the device does not suffice; the message says what to lower."""


# What helps where memory ends.
LOWER = (
    "out of memory; try a smaller `batch_size` (in training with `accumulate`), fewer `samples`, "
    "or another `device`"
)
LONGEST = 300  # characters of what a library says; it may list every name it knows
# What torch says where memory ends, on a GPU or on the CPU.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or on the CPU."""
    said = isinstance(error, RuntimeError) and any(t in str(error) for t in _OUT_OF_MEMORY)
    return isinstance(error, MemoryError) or said


def first_line(error: BaseException | str) -> str:
    """Return the first line of what an error of a library says, to stand in a message.

    A line that only introduces the next, as it ends in a colon, is joined with it. An error
    that says nothing is named by its kind.
    """
    if isinstance(error, AlignkitError):
        return str(error)
    if isinstance(error, BaseException) and is_out_of_memory(error):
        return "out of memory"
    if isinstance(error, KeyError):
        return f"there is no {error}"
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    lines = [line for line in lines if any(map(str.isalnum, line))]
    if not lines:
        return type(error).__name__ if isinstance(error, BaseException) else ""
    said = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return _cut(said.rstrip(".: "))


def in_one_line(error: BaseException) -> str:
    """Return all that an error says as one line; errors of others than alignkit name their kind."""
    if isinstance(error, AlignkitError):
        return str(error)
    if is_out_of_memory(error):
        return LOWER
    kind, said = type(error).__name__, " ".join(str(error).split())
    return _cut(f"{kind}: {said}") if said else kind


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


class PluginError(AlignkitError):
    """A plugin cannot be loaded, breaks its own declarations, or claims a name that is taken."""


class AlignkitDeprecationWarning(DeprecationWarning):
    """Something of alignkit is used that will go; the message says when, and what to use."""


class UndefinedError(AlignkitError, ArithmeticError):
    """A metric is undefined on degenerate data, such as a constant representation.

    Attributes
    ----------
    reason : str
        Why the value is undefined, as shown in tables.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
