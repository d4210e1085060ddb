"""Streams of which nothing can be found are left out and named, as long as there is one."""

from types import SimpleNamespace

import pytest

from alignkit.analysis.stream_layers import Stream, of_each
from alignkit.errors import DataError
from alignkit.progress import Reporter


class Names(Reporter):
    def __init__(self):
        self.told = []

    def left_out(self, name, error):
        self.told.append((name, str(error)))


def _stream(name):
    return Stream(SimpleNamespace(source=name, label=name), {}, {}, {})


def _length(stream):
    if stream.name.startswith("bad"):
        raise DataError(f"{stream.name} is bad")
    return len(stream.name)


def test_the_others_are_left_out_by_name():
    names = Names()
    found = of_each([_stream(name) for name in ("bad1", "good", "bad2")], _length, names)
    assert [(stream.name, length) for stream, length in found] == [("good", 4)]
    assert names.told == [("bad1", "bad1 is bad"), ("bad2", "bad2 is bad")]


def test_where_nothing_is_found_the_first_reason_is_raised_if_something_is_needed():
    streams, names = [_stream("bad1"), _stream("bad2")], Names()
    with pytest.raises(DataError, match="bad1 is bad"):
        of_each(streams, _length, names)
    assert not names.told
    assert of_each(streams, _length, names, needed=False) == []
    assert len(names.told) == 2
