"""Tables in the terminal: no line longer than it is wide, no word or number cut."""

import re

import numpy as np
import pytest

from alignkit.cli.printing.tables import Column, lay_out, wrapped
from tiny import TINY_TASK, alignkit

WIDTHS = (80, 100, 120)
STUDY = "hparams_toy_match"


def _word(rng):
    letters = "abcdefgxyz_-.:=" if rng.random() < 0.8 else "図表模型aé"
    return "".join(rng.choice(list(letters), int(rng.integers(1, 22))))


def _cell(rng, kind):
    if rng.random() < 0.1:
        return ""
    if kind == "number":
        return f"{rng.normal() * 10.0 ** rng.integers(-3, 6):.{rng.integers(0, 5)}f}"
    return " ".join(_word(rng) for _ in range(1 if kind == "word" else rng.integers(2, 30)))


def _length(line):
    from rich.cells import cell_len

    return cell_len(line)


@pytest.mark.parametrize("seed", range(40))
def test_any_table_fits_and_keeps_every_word(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 7))
    columns = []
    for _ in range(rng.integers(1, 22)):
        kind = rng.choice(["number", "word", "prose"])
        name = " ".join(_word(rng)[:12] for _ in range(rng.integers(1, 3)))
        columns.append(Column(name, [_cell(rng, kind) for _ in range(rows)], kind == "number"))
    apart = [column.name for column in columns if rng.random() < 0.2]
    for width in WIDTHS:
        lines = [line.text for line in lay_out(columns, width, apart)]
        assert max(map(_length, lines)) <= width
        printed = {word for line in lines for word in line.split()}
        for column in columns:
            for text in (column.name, *column.cells) if any(column.cells) else ():
                assert set(text.split()) <= printed


def test_rows_begin_with_what_tells_them_apart():
    names = Column("metric", ["cka", "cka", "mknn"])
    layers = Column("layer", ["1", "2", "1"])
    numbers = [Column(f"value{i}", ["0.1234"] * 3, True) for i in range(30)]
    lines = [line.text for line in lay_out([names, layers, *numbers], 80)]
    headings = [line for line in lines if line.startswith("metric")]
    assert len(headings) > 2
    assert all(line.split()[:2] == ["metric", "layer"] for line in headings)
    assert sum(line.startswith("mknn") for line in lines) == len(headings)


def test_a_row_without_anything_in_a_further_table_is_left_out_of_it():
    names = Column("metric", [f"metric{i}" for i in range(4)])
    reasons = Column(
        "reason", ["", "", "its neighbours tie, so that their order is not defined", ""]
    )
    values = [Column(f"value{i}", ["0.1234"] * 4) for i in range(7)]
    lines = [line.text for line in lay_out([names, *values, reasons], 72, ["reason"])]
    shown = [sum(name in line for line in lines) for name in names.cells]
    assert shown == [1, 1, 2, 1]


def test_a_pipe_has_whole_rows():
    column = Column("prose", [" ".join(["word"] * 100)])
    assert len(list(lay_out([column], None))) == 3
    assert wrapped("a b", None) == ["a b"]


def test_a_word_longer_than_the_terminal_stays_whole():
    path = "runs/" + "x" * 120
    lines = [line.text for line in lay_out([Column("run", [path]), Column("n", ["1"])], 80)]
    assert any(path in line for line in lines)


@pytest.fixture(scope="module")
def place(own_runs, tmp_path_factory):
    """A folder with runs and their values, a study, a search and published correlations."""
    from alignkit.alignment.runs import measure_run

    root, runs = own_runs
    for run in runs:
        measure_run(run, ["cka", "mknn:k=5"], layers="same")
    place = root.parent
    rng = np.random.default_rng(0)
    np.save(place / "x.npy", rng.normal(size=(40, 6)))
    np.save(place / "y.npy", rng.normal(size=(40, 5)))
    (place / "published.csv").write_text(
        "group,x,y,r,n\n"
        + "".join(f"a,{p},{r},50\n" for p, r in (("u,v", 0.9), ("u,w", 0.9), ("v,w", -0.9)))
    )
    _search(place)
    return place


def _search(place):
    """Search without training: the values are made up."""
    import optuna

    study = optuna.create_study(
        storage=f"sqlite:///{place}/runs/search.db",
        study_name=STUDY,
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(0),
    )

    def value(trial):
        rate = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
        return rate * trial.suggest_int("epochs", 3, 9) + trial.suggest_float("dropout", 0, 0.4)

    study.optimize(value, n_trials=6)


CORRELATE = ("correlate", "--metric", "cka", "--metric", "mknn:k=5", "--permutations", "99")
RUN = "{run}"
COMMANDS = (
    CORRELATE,
    (*CORRELATE, "--layer", "all"),
    ("hypotheses", "--metric", "cka", "--permutations", "99"),
    ("agreement", "--metric", "cka", "--metric", "mknn:k=5", "--metric", "procrustes"),
    ("stability", "x.npy", "y.npy", "--metric", "cka", "--samples", "20"),
    ("sanity", "--metric", "cka", "--metric", "mknn:k=5"),
    ("power", "--r", "0.7", "--placements", "8", "--tests", "4"),
    ("consistency", "published.csv"),
    ("measure", "x.npy", "y.npy", "--metric", "cka", "--metric", "mknn:k=5"),
    ("measure", "--layers", "same", "--metric", "cka"),
    ("measure", "--metric", "cka", RUN),
    ("evaluate",),
    ("runs", "list"),
    ("runs", "show", RUN),
    ("train", "--dry-run", "--placement", "none", "--placement", "3,4,10"),
    ("search", "list"),
    ("search", "analyse", "--study", STUDY),
    ("plugins",),
    ("data", "info", TINY_TASK),
    *(("list", kind) for kind in ("metrics", "architectures", "placements", "tasks", "losses")),
    ("show", "metric", "mknn"),
    ("show", "task", "hateful_memes"),
    ("show", "loss", "contrastive"),
    ("show", "architecture", "mbt"),
    ("show", "placement", "late"),
)


def _printed(words, place, monkeypatch, width=None):
    monkeypatch.setenv("COLUMNS", str(width or ""))
    run = next(place.glob("runs/toy_match/at_1_2/*"))
    words = [str(run.relative_to(place)) if word == RUN else word for word in words]
    return alignkit(*words, cwd=place).stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_commands_print_fits_the_terminal(words, place, monkeypatch):
    whole = _printed(words, place, monkeypatch)
    # How many seconds a metric took differs from time to time.
    varying = r"─+|\d+\.\d+" if words[0] == "stability" else "─+"
    expected = {word for word in whole.split() if not re.fullmatch(varying, word)}
    for width in WIDTHS:
        shown = _printed(words, place, monkeypatch, width)
        long = [line for line in shown.splitlines() if _length(line) > width]
        assert not long, "\n".join(long)
        assert expected <= set(shown.split())
        assert not re.search(r"<class|<function|\bNone\b|[{}]|Helper class", shown)
