"""What commands print beside their results."""

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
