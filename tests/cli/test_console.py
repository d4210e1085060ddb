"""What commands print beside their results."""

import io
import sys

import numpy as np
from typer.testing import CliRunner

from alignkit.cli.main import app
from alignkit.cli.printing import console


def test_a_note_that_many_runs_have_to_give_is_printed_once_per_command(capsys):
    for _ in range(2):
        CliRunner().invoke(app, ["list", "tasks"])  # every command begins anew
        reporter = console.reporter()
        for _run in range(3):
            reporter.note("emoji train: 2 with the same picture as another, left out")
        reporter.note("emoji test: 1 with the same picture as another, left out")
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert len(set(said)) == 2


def test_quiet_hides_notes_and_names_what_failed(capsys, monkeypatch):
    monkeypatch.setattr(console.settings, "quiet", True)
    console.note("resumed at epoch 2")
    for _ in range(2):
        console.complain("runs/a failed: it is damaged")
        console.reporter().note("resumed at epoch 2")
        console.reporter().complain("runs/a failed: it is damaged")
    assert capsys.readouterr().err == "runs/a failed: it is damaged\n"


class _Stderr(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def test_what_is_said_is_broken_between_words_in_a_terminal_only(monkeypatch):
    rng = np.random.default_rng(0)
    for _ in range(50):
        words = ["a" * n for n in rng.integers(1, 19, rng.integers(1, 60)).tolist()]
        columns = int(rng.integers(20, 121))
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = {}
        for terminal in (True, False):
            monkeypatch.setattr(sys, "stderr", _Stderr(terminal))
            console.say(" ".join(words))
            shown[terminal] = sys.stderr.getvalue()
        assert shown[False] == " ".join(words) + "\n"
        assert shown[True].split() == words
        assert max(map(len, shown[True].splitlines())) <= columns


def test_a_message_cannot_colour_the_terminal_or_pass_for_another(capsys):
    console.say("a\x1b[31mb\x9b2Jc\u202e\nError: forged\n  kept")
    err = capsys.readouterr().err
    assert err == "a\\x1b[31mb\\x9b2Jc\\u202e\n  Error: forged\n  kept\n"


def test_a_note_is_one_line(capsys):
    console.note("a folder x\nError: forged")
    assert capsys.readouterr().err == "a folder x\\nError: forged\n"


def test_a_long_message_is_cut_with_both_ends(capsys):
    console.say("begin " + "x" * 109_000 + " end")
    err = capsys.readouterr().err
    assert len(err) < 4200
    assert err.startswith("begin xxx")
    assert "characters)" in err
    assert err.endswith("xxx end\n")


def test_lists_in_parts_are_one_list(capsys):
    rows = [{"x": "t00", "value": np.float64("nan")}, {"x": "é", "value": 0.1}, {}]
    for parts in ([], [[]], [rows], [rows[:1], [], rows[1:]]):
        console.print_json([row for part in parts for row in part])
        expected = capsys.readouterr().out
        console.print_json_parts(parts)
        assert capsys.readouterr().out == expected
