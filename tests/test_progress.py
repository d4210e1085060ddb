"""What nothing can be found of is left out and named, as long as there is something else."""

import warnings

import pytest

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.progress import SILENT, Reporter, current_reporter, of_each, reporting_to


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


def test_from_python_what_is_damaged_is_a_warning_and_all_else_is_silent(capsys):
    with pytest.warns(UserWarning, match="^a is left out: it is damaged$"):
        SILENT.left_out("a", DataError("it is damaged"))
    with warnings.catch_warnings(record=True) as warned:
        SILENT.left_out("a", AlignkitError("it has no such layer"))
        SILENT.note("a note")
    assert not warned
    assert capsys.readouterr() == ("", "")


def test_the_reporter_of_code_that_is_given_none_is_set_for_a_while():
    lines, before = Lines(), current_reporter()
    with pytest.raises(DataError), reporting_to(lines):
        current_reporter().note("said")
        raise DataError("it ends")
    assert lines.notes == ["said"]
    assert current_reporter() is before
