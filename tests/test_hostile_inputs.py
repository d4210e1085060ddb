"""Every hostile input is refused in one line, soon, without taking the memory or running code."""

import resource
import time

import pytest

from alignkit.bounds import trial
from alignkit.cleaning import message
from alignkit.errors import AlignkitError
from hostile.inputs import INPUTS

SECONDS = 20  # on a machine that does other things too
MEMORY = 700 << 20  # bytes beyond what the process took before
LONGEST = 1500  # characters of what is printed


def test_there_are_three_hundred():
    assert len({str(each) for each in INPUTS}) == len(INPUTS)
    assert len(INPUTS) >= 300


@pytest.mark.parametrize("hostile", INPUTS, ids=str)
def test_a_hostile_input_is_refused_in_one_line(hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial, "SECONDS", 1)
    path = tmp_path / hostile.name
    hostile.write(path)
    before, since = _peak(), time.monotonic()
    try:
        hostile.read(path)
    except AlignkitError as refusal:
        shown = message(str(refusal))
        assert hostile.name in shown
        assert len(shown.splitlines()) == 1
        assert len(shown) < LONGEST
        assert "\x1b" not in shown
    else:
        assert hostile.may_be_read, "it was read"
    assert time.monotonic() - since < SECONDS
    assert _peak() - before < MEMORY
    assert not list(tmp_path.rglob("canary")), "code was run"


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
