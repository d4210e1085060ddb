"""The example on redundancy, made small: it trains, correlates, draws, and says what it finds."""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "toy_correlations.py"


@pytest.mark.slow
def test_it_runs_and_concludes_something(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    curve, found = main(
        tmp_path,
        n_train=64,
        epochs=1,
        seeds=(0,),
        shares=(0.0, 1.0),
        placements=("none", "1", "0,1,2,3"),
    )
    assert curve["share"].tolist() == [0.0, 1.0]
    assert curve[["unbiased_cka", "mknn", "svcca"]].notna().all(axis=None)
    assert set(found.table["task"]) == {"toy_redundant", "toy_unique"}
    assert set(found.table["verdict"]) == {"not testable"}
    assert "by the share of redundant samples" in capsys.readouterr().out
    names = {file.name for file in (tmp_path / "figures").rglob("*.svg")}
    assert {"redundancy.svg", "forest.svg", "leave-one-out.svg"} <= names
