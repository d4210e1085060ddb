"""``alignkit doctor``: one row per check, what mends each, and the exit code."""

import json

import pytest

from alignkit.doctor import Finding, run
from tiny import alignkit

BAD = Finding("disk", "problem", "1 MB free", "free some space")
POOR = Finding("threads", "warning", "9 on 2 processors", "use fewer")
GOOD = Finding("text", "ok", "UTF-8")


def _say(monkeypatch, *findings):
    monkeypatch.setattr(run, "CHECKS", (("all", lambda _: findings),))


def test_problems_fail_and_say_what_mends_them(tmp_path, monkeypatch):
    _say(monkeypatch, GOOD, BAD, POOR)
    done = alignkit("doctor", cwd=tmp_path, code=1)
    assert "disk, problem: 1 MB free\n  to mend it: free some space" in done.stdout
    assert "threads, warning: 9 on 2 processors\n  to mend it: use fewer" in done.stdout
    assert done.stdout.rstrip().endswith("1 problem, 1 warning")
    rows = json.loads(alignkit("doctor", "--json", cwd=tmp_path, code=1).stdout)
    assert rows == [vars(each) for each in (GOOD, BAD, POOR)]


def test_warnings_do_not_fail(tmp_path, monkeypatch):
    _say(monkeypatch, GOOD, POOR)
    assert "0 problems, 1 warning" in alignkit("doctor", cwd=tmp_path).stdout


def test_no_line_is_longer_than_the_terminal_is_wide(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _say(monkeypatch, GOOD, Finding("packages", "problem", "a word " * 40, "some remedy " * 20))
    lines = alignkit("doctor", cwd=tmp_path, code=1).stdout.splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_everything_is_looked_at(tmp_path):
    rows = json.loads(alignkit("doctor", "--json", cwd=tmp_path, code=0).stdout)
    assert {row["check"] for row in rows} >= {
        *("Python", "alignkit", "packages", "extras", "plugins", "devices", "threads", "BLAS"),
        *("working folder", "disk", "locks", "data", "caches", "fonts", "text", "completion"),
    }
    assert not list(tmp_path.iterdir())
