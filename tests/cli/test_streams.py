"""Standard streams that are closed, that nobody reads, and that cannot say a name."""

import itertools
import os
import subprocess
import sys

import pytest

from alignkit.cleaning import visible

LIST, WRONG, GONE = "list metrics", "nonsense", "data info folder:/nowhere"
CLOSED = [
    " ".join(chosen)
    for n in range(4)
    for chosen in itertools.combinations(("<&-", ">&-", "2>&-"), n)
]


@pytest.fixture
def shell(tmp_path):
    """Run alignkit as a shell does; returns code, stdout and stderr."""

    def run(words, redirected="", program=f"'{sys.executable}' -m alignkit", **variables):
        script = f"{program} {words} {redirected}\necho ${{PIPESTATUS[0]}} > code"
        done = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | variables,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        return int((tmp_path / "code").read_text()), done.stdout.decode(), done.stderr.decode()

    return run


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_streams_change_no_result(shell, closed):
    code, out, err = shell(LIST, closed)
    assert (code, err) == (0, "")
    assert ("cka" in out) == (">&-" not in closed.split())


@pytest.mark.parametrize(("words", "expected"), [(WRONG, 2), (GONE, 1), ("--help", 0)])
def test_closed_streams_change_no_exit_code(shell, words, expected):
    assert shell(words, "2>&-")[0] == shell(words, ">&- 2>&-")[0] == expected


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize(
    ("words", "redirected", "expected"),
    [
        (LIST, "| head -1", 0),
        (LIST, "| true", 0),
        ("--help", "| true", 0),
        (WRONG, "2>&1 | true", 2),
        (GONE, "2>&1 | true", 1),
        ("--version", "2>/dev/full", 0),
    ],
)
def test_work_goes_on_where_nobody_reads(shell, words, redirected, expected, buffering):
    code, _, err = shell(words, redirected, PYTHONUNBUFFERED=buffering)
    assert (code, err) == (expected, "")


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("words", [LIST, "--version"])
def test_output_that_cannot_be_written_is_said(shell, words, buffering):
    code, _, err = shell(words, ">/dev/full", PYTHONUNBUFFERED=buffering)
    assert code == 1
    assert err.startswith("Error: ")
    assert err.endswith("No space left on device\n")
    assert err.count("\n") == 1


def test_no_file_takes_the_place_of_a_closed_stream(shell, tmp_path):
    (tmp_path / "program.py").write_text(
        "import sys\n"
        "from alignkit.cli import streams\n"
        "streams.prepare()\n"
        "with open('file', 'w') as file:\n"
        "    print('stray')\n"
        "    print('stray', file=sys.stderr)\n"
        "    sys.stdout.flush()\n"
        "    file.write('meant')\n"
        "sys.exit(streams.finish(0))\n"
    )
    assert shell("program.py", "<&- >&- 2>&-", program=f"'{sys.executable}'")[0] == 0
    assert (tmp_path / "file").read_text() == "meant"


@pytest.mark.parametrize("variables", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe", "a\u0301b".encode(), b"a b"])
def test_a_name_that_is_not_utf8_can_be_said(shell, tmp_path, name, variables):
    (tmp_path / os.fsdecode(name)).mkdir()
    place = "".join(f"\\x{byte:02x}" for byte in name)
    code, _, err = shell(f"data info folder:$'{place}'", **variables)
    assert code == 1
    assert "has no table; expected: one table" in err
    assert err.count("\n") == 1
    try:
        assert name.decode() in err
    except UnicodeDecodeError:
        assert place.replace("\\x63\\x61\\x66", "caf") in err


def test_weights_are_not_trained_for_a_place_that_cannot_hold_them(shell):
    code, _, err = shell("-q train --task toy_match --runs $'r\\xe9'")
    assert code == 1
    assert err.startswith("Error: weights cannot be stored in r\\xe9/toy_match/")
    assert err.endswith("its name is not UTF-8; rename the folder, or choose another\n")


def test_only_what_cannot_be_printed_is_escaped():
    text = "é e\u0301 \udce9 \ud800 \x1b[1m a\nb"
    assert visible(text) == "é e\u0301 \\xe9 \\ud800 \\x1b[1m a\\nb"
