"""What nothing can be found of is left out and named, as long as there is something else."""

import pytest

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.progress import Reporter, of_each


class Names(Reporter):
    def __init__(self):
        self.told = []

    def left_out(self, name, error):
        self.told.append((name, str(error)))


class Lines(Reporter):
    def __init__(self):
        self.notes, self.complaints = [], []

    def note(self, text):
        self.notes.append(text)

    def complain(self, text):
        self.complaints.append(text)


def _length(name):
    if name.startswith("bad"):
        raise DataError(f"{name} is bad")
    return len(name)


def test_the_others_are_left_out_by_name():
    names = Names()
    assert of_each(["bad1", "good", "bad2"], _length, str, names) == [("good", 4)]
    assert names.told == [("bad1", "bad1 is bad"), ("bad2", "bad2 is bad")]


def test_where_nothing_is_found_the_first_reason_is_raised_if_something_is_needed():
    names = Names()
    with pytest.raises(DataError, match="bad1 is bad"):
        of_each(["bad1", "bad2"], _length, str, names)
    assert not names.told
    assert of_each(["bad1", "bad2"], _length, str, names, needed=False) == []
    assert len(names.told) == 2


def test_other_errors_are_raised_at_once():
    def refuse(name):
        raise UsageError(f"{name} cannot be meant")

    with pytest.raises(UsageError, match="a cannot be meant"):
        of_each("ab", refuse, str, errors=DataError)


def test_only_what_is_wrong_with_files_is_said_if_quiet():
    lines = Lines()
    lines.left_out("a", DataError("a: it is damaged"))
    lines.left_out("b", AlignkitError("it has no such layer"))
    assert lines.complaints == ["note: a is left out: it is damaged"]
    assert lines.notes == ["note: b is left out: it has no such layer"]
