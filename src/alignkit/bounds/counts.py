"""Numbers that people give: counted before anything is made of them."""

from __future__ import annotations

from alignkit.errors import UsageError

MOST_DRAWS = 1_000_000  # permutations or resamples; p is known to the sixth decimal place
MOST_PROCESSES = 4096  # or threads; more than any machine has cores
LARGEST_SEED = 2**63 - 1


def check_count(name: str, value: int, least: int, most: int = MOST_DRAWS) -> None:
    """Refuse a number that is too small or too large.

    Parameters
    ----------
    name : str
        The parameter, for the message.
    value, least, most : int

    Raises
    ------
    UsageError
    """
    if value < least:
        raise UsageError(f"`{name}` is {value}; it must be at least {least}")
    if value > most:
        raise UsageError(f"`{name}` is {value}; it must be at most {most:,}")


def check_seed(value: int, name: str = "seed") -> None:
    """Refuse a seed that is negative or that generators do not take.

    Raises
    ------
    UsageError
    """
    if value < 0:
        raise UsageError(f"`{name}` is {value}; it must be at least 0")
    if value > LARGEST_SEED:
        raise UsageError(f"`{name}` is {value}; it must be below 2^63")
