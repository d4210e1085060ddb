"""Commands that write results keep one page of their folder that links them."""

import json
import re

import numpy as np
import pandas as pd

from tiny import alignkit


def _links(page):
    return re.findall(r'href="([^"]+)"', page.read_text())


def _table(path):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((8, 2))
    pd.DataFrame(values, columns=["accuracy", "cka"]).to_csv(path, index=False)


def test_several_commands_share_the_page_of_a_folder(tmp_path):
    _table(tmp_path / "t.csv")
    done = alignkit(
        "correlate", "t.csv", "--outcome", "accuracy", "-o", "results/correlate.csv",
        "--figures", "results/figures", cwd=tmp_path,
    )  # fmt: skip
    assert "all results: results/index.html" in done.stderr
    assert "index.html" not in done.stdout
    alignkit("power", "--placements", 8, "--r", 0.5, "-o", "results/power.csv", cwd=tmp_path)
    x = np.random.default_rng(0).standard_normal((20, 3))
    np.save(tmp_path / "x.npy", x)
    alignkit("measure", "x.npy", "x.npy", "--metric", "cka", "-o", "results/cka.csv", cwd=tmp_path)
    links = _links(tmp_path / "results" / "index.html")
    assert {"cka.csv", "correlate.csv", "power.csv"} <= set(links)
    assert any(link.startswith("figures/") for link in links)
    assert all((tmp_path / "results" / link).is_file() for link in links)


def test_a_table_beside_other_files_leaves_no_page(tmp_path):
    _table(tmp_path / "t.csv")
    done = alignkit("correlate", "t.csv", "--outcome", "accuracy", "-o", "c.csv", cwd=tmp_path)
    assert (tmp_path / "c.csv").is_file()
    assert not (tmp_path / "index.html").exists()
    assert "all results" not in done.stderr


def test_a_space_shows_its_parameters_with_their_bounds(tmp_path):
    words = ("show", "space", "placement:distinct=true", "--json")
    facts = json.loads(alignkit(*words, cwd=tmp_path).stdout)
    assert facts["bounds"][0] == "blocks=2:8"
    assert facts["points"] is None
    facts = json.loads(alignkit("show", "space", "named", "--json", cwd=tmp_path).stdout)
    (bound,) = facts["bounds"]
    assert facts["points"] == len(bound.removeprefix("placement=").split(","))
    shown = alignkit("show", "space", "hparams", cwd=tmp_path).stdout
    assert "epochs=3:9" in shown
