"""What plugins print while they are imported."""

import logging
import sys

from alignkit.plugins.printing import caught_prints


def test_a_handler_made_during_an_import_writes_to_stderr_later_on(capsys):
    notes = []
    with caught_prints(notes, "when it is imported"):
        handler = logging.StreamHandler(sys.stdout)
        assert isinstance(sys.stdout.isatty(), bool)
        print("once", end=" ")
        print("more")
    handler.emit(logging.makeLogRecord({"msg": "later"}))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "later\n"
    assert notes == ["prints 'once more' when it is imported; only results belong on stdout"]


def test_an_import_that_prints_nothing_leaves_no_note():
    notes = []
    with caught_prints(notes, "when it is imported"):
        print()
    assert notes == []
