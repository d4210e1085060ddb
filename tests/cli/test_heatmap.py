"""Heat maps in the terminal: what stands where, in which width, in which colour."""

import re

import pytest

from alignkit.cli.printing.heatmap import _Grid, print_heatmap


def _rows(values, chance=None):
    return [
        {
            "x": f"t{i:02d}",
            "y": f"v{j:02d}",
            "n": 9,
            "value": value,
            "reason": "" if value is not None else "constant",
            "chance": chance,
            "p": None,
        }
        for i, row in enumerate(values)
        for j, value in enumerate(row)
    ]


def test_bands_fit_the_terminal():
    grid = _Grid(_rows([[0.01 * (i + j) for j in range(30)] for i in range(2)]), True)
    lines = ["".join(text for text, _ in line) for line in grid.lines(80)]
    assert max(map(len, lines)) <= 80
    assert sum("t01" in line for line in lines) == 3
    assert len(list(grid.lines(None))) == 3
    assert all(
        len("".join(text for text, _ in line)) < 20 for line in grid.lines(5)
    )  # one column at least


@pytest.mark.parametrize("higher", [True, False])
def test_bright_is_more_aligned(higher):
    grid = _Grid(_rows([[0.0, 1.0]]), higher)
    brightest = 1.0 if higher else 0.0
    assert grid._style(brightest).bgcolor.triplet == (253, 231, 37)
    assert grid._style(1 - brightest).bgcolor.triplet == (68, 1, 84)


@pytest.mark.parametrize(("spread", "text"), [(0.5, "0.50"), (0.01, "0.010"), (0.001, "0.0010")])
def test_digits_tell_neighbours_apart(spread, text):
    grid = _Grid(_rows([[0.0, spread]]), True)
    assert ["".join(text for text, _ in line) for line in grid.lines(None)][1].endswith(text)


def test_undefined_and_missing_cells(capsys):
    rows = _rows([[0.5, None], [None, 0.25]])[:-1]
    print_heatmap("cka", rows)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "cka"
    assert out[1] == "n=9   0.500"
    assert out[3].split() == ["t00", "0.50", "--"]
    assert out[-1] == "--: constant (2 of 3)"


def test_one_chance_level_is_said_once_and_many_below(capsys):
    print_heatmap("mknn", _rows([[0.5, 0.6]], chance=0.1))
    assert "chance 0.100" in capsys.readouterr().out
    rows = _rows([[0.5, 0.6]])
    rows[0]["chance"], rows[1]["chance"] = 0.1, 0.2
    print_heatmap("cka", rows)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["0.10", "0.20"]


def test_it_is_the_same_text_with_and_without_colours(capsys, monkeypatch):
    rows = [
        {"x": f"t{i}", "y": f"v{j}", "n": 9, "value": i / 7 - j, "reason": "", "chance": j / 100}
        for i in range(4)
        for j in range(3)
    ]
    rows[5] |= {"value": None, "reason": "it is constant"}
    print_heatmap("a title", rows)
    plain = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_heatmap("a title", rows)
    coloured = capsys.readouterr().out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
