"""Variants: runs of one placement whose options differ, named by what differs."""

import json

import pytest

from alignkit.errors import DataError, UsageError
from alignkit.runs import Run
from alignkit.runs.config import Init
from alignkit.runs.units import differing_besides, select_runs, unit_labels
from alignkit.runs.variants import option_text, run_options, variant_names, variant_order

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 5e-4, 1e-3, 0.01)


def make_run(root, seed=0, placement="late", task="toy_match", init=None, **changed):
    """A run directory with a configuration only."""
    number = len(list(root.iterdir())) if root.is_dir() else 0
    architecture = {"depth": 2, "head": "concat"}
    task_options = {"noise": 0.1}
    training = {"epochs": 1, "learning_rate": 5e-4, "batch_size": 32}
    data, layers = "17b5ab132fc86733", [1]
    for key, value in changed.items():
        if key == "data":
            data = value
        elif key == "layers":
            layers = value
        else:
            options = next((o for o in (architecture, task_options) if key in o), training)
            options[key] = value
    folder = root / f"run{number}"
    folder.mkdir(parents=True)
    config = {
        "task": {"name": task, "options": task_options},
        "architecture": {"name": changed.get("name", "vilbert"), "options": architecture},
        "placement": {"name": placement, "text": layers, "vision": [1]},
        "training": training,
        "init": {"run": init, "identity": init} if init else None,
        "seed": seed,
        "data": {"fingerprint": data},
        "identity": f"{number:064}",
        "unit": f"{number:064}",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return Run(folder)


def named(runs):
    names = variant_names(runs)
    return [names[run.path] for run in runs]


def labelled(runs, unit):
    labels = unit_labels(runs, unit)
    return [labels[run.path] for run in runs]


def test_seven_learning_rates_are_seven_variants_named_by_their_rate(tmp_path):
    runs = [make_run(tmp_path, s, learning_rate=rate) for rate in RATES for s in (0, 1)]
    rates = ["1e-5", "3e-5", "1e-4", "3e-4", "5e-4", "1e-3", "0.01"]
    assert named(runs) == [f"learning_rate={rate}" for rate in rates for _ in (0, 1)]
    assert len(set(labelled(runs, "learning_rate"))) == 7
    assert labelled(runs, "variant")[0] == "late, learning_rate=1e-5"
    with pytest.raises(UsageError) as refused:
        unit_labels(runs, "placement")
    for part in (
        "toy_match runs with placement late differ in more than the seed",
        f"learning_rate is {', '.join(rates)}",
        "`where=learning_rate=1e-5`",
        "`unit=learning_rate`",
        "`unit=variant`",
    ):
        assert part in str(refused.value)


def test_runs_that_differ_in_the_seed_only_are_one_variant(tmp_path):
    runs = [make_run(tmp_path, seed, p) for p in ("early", "late") for seed in range(3)]
    assert set(named(runs)) == {""}
    assert labelled(runs, "placement") == ["early"] * 3 + ["late"] * 3
    assert labelled(runs, "variant") == labelled(runs, "run") == labelled(runs, "placement")


def test_two_placements_by_two_learning_rates(tmp_path):
    runs = [
        make_run(tmp_path, placement=p, learning_rate=r)
        for p in ("early", "late")
        for r in (1e-4, 3e-4)
    ]
    rates = ["learning_rate=1e-4", "learning_rate=3e-4"]
    assert named(runs) == labelled(runs, "learning_rate") == rates * 2
    assert labelled(runs, "variant") == [f"{p}, {r}" for p in ("early", "late") for r in rates]
    kept = select_runs(runs, ["learning_rate=0.0003"])
    assert labelled(kept, "placement") == ["early", "late"]
    assert set(named(kept)) == {""}


def test_variants_sort_by_the_values_of_their_options(tmp_path):
    values = (0.01, 3e-4, None, 1e-5)
    runs = [make_run(tmp_path, depth=value) for value in values]
    order = variant_order(runs)
    names = [option_text(values[runs.index(r)]) for r in sorted(runs, key=lambda r: order[r.path])]
    assert names == ["1e-5", "3e-4", "0.01", "none"]


def test_only_what_differs_within_a_placement_names_a_variant(tmp_path):
    runs = [
        make_run(tmp_path, placement="early", learning_rate=1e-4),
        make_run(tmp_path, head="sum", batch_size=16),
        make_run(tmp_path, head="concat", batch_size=32),
        make_run(tmp_path, task="toy_unique", epochs=2),
    ]
    assert named(runs) == ["", "batch_size=16, head=sum", "batch_size=32, head=concat", ""]
    names = variant_names(runs, across_placements=True)
    assert [names[run.path] for run in runs] == [
        "batch_size=32, learning_rate=1e-4, head=concat",
        "batch_size=16, learning_rate=5e-4, head=sum",
        "batch_size=32, learning_rate=5e-4, head=concat",
        "",
    ]


def test_another_architecture_is_named_without_the_options_that_others_lack(tmp_path):
    runs = [make_run(tmp_path), make_run(tmp_path, name="lxmert", width=8)]
    runs[1].stored["architecture"]["options"] = {"heads": 4}
    assert named(runs) == ["architecture=vilbert", "architecture=lxmert"]


def test_options_of_the_task_count_where_they_change_the_data(tmp_path):
    same = [make_run(tmp_path, noise=0.1), make_run(tmp_path, noise=0.2)]
    assert set(named(same)) == {""}
    other = [make_run(tmp_path, noise=0.1), make_run(tmp_path, noise=0.2, data="ffffffff00")]
    assert named(other) == ["noise=0.1", "noise=0.2"]
    content = [make_run(tmp_path), make_run(tmp_path, data="ffffffff00")]
    assert named(content) == ["data=17b5ab13", "data=ffffffff"]


def test_placements_of_one_name_with_other_layers_are_told_apart(tmp_path):
    runs = [make_run(tmp_path), make_run(tmp_path, layers=[2])]
    assert named(runs) == ["layers=1/1", "layers=2/1"]


def test_a_run_is_named_by_what_it_started_from_but_not_by_its_seed(tmp_path):
    runs = [make_run(tmp_path, seed, init=f"runs/captions/late/seed{seed}") for seed in (0, 1)]
    assert set(named(runs)) == {""}
    runs.append(make_run(tmp_path))
    first = "pretraining=captions/late"
    assert named(runs) == [first, first, "pretraining=none"]


def test_a_run_is_named_by_how_the_run_was_trained_that_it_started_from(tmp_path):
    runs = [make_run(tmp_path)]
    for objectives in (["mlm=1", "itm=1"], ["itm=1"]):
        first = make_run(tmp_path, seed=5, placement="late", task="captions", epochs=7)
        first.stored["training"]["objectives"] = objectives
        run = make_run(tmp_path, init="runs/captions/late/seed5")
        run.stored["init"] = Init.of("runs/captions/late/seed5", first.stored).to_json()
        runs.append(run)
    assert named(runs) == [
        "pretraining=none",
        "pretraining.objectives=mlm+itm",
        "pretraining.objectives=itm",
    ]
    assert labelled(runs, "pretraining.objectives") == [
        "pretraining.objectives=none",
        "pretraining.objectives=mlm+itm",
        "pretraining.objectives=itm",
    ]
    assert select_runs(runs, ["pretraining.objectives=mlm+itm"]) == [runs[1]]


def test_what_a_run_started_from_is_checked_as_its_own_options_are(tmp_path):
    first, run = make_run(tmp_path, task="captions"), make_run(tmp_path)
    second = Init.of("runs/captions/late/seed0", first.stored)
    third = Init.of("runs/unique/late/seed0", run.stored | {"init": second.to_json()})
    assert third.config["init"] == {"run": second.run, "identity": second.identity}
    file = run.path / "config.json"
    stored = json.loads(file.read_text()) | {"init": third.to_json()}
    file.write_text(json.dumps(stored))
    assert run_options(Run(run.path))["pretraining.pretraining"] == "captions/late"
    scratch = third.config | {"init": None}
    file.write_text(json.dumps(stored | {"init": third.to_json() | {"config": scratch}}))
    assert "pretraining.pretraining" not in run_options(Run(run.path))
    for key, value in (("task", 3), ("training", {"learning_rate": "fast"}), ("init", {})):
        config = third.config | {key: value}
        file.write_text(json.dumps(stored | {"init": third.to_json() | {"config": config}}))
        with pytest.raises(DataError, match=r"config\.json"):
            variant_names([Run(run.path)])


def test_what_pretraining_shares_with_a_run_is_named_once(tmp_path):
    runs = []
    for head in ("concat", "sum"):
        first = make_run(tmp_path, task="captions", head=head)
        for init in ("", "runs/captions/late/seed0"):
            runs.append(make_run(tmp_path, head=head, init=init))
            if init:
                runs[-1].stored["init"] = Init.of(init, first.stored).to_json()
    heads = [
        f"head={head}, pretraining={p}" for head in ("concat", "sum") for p in ("none", "captions")
    ]
    assert named(runs) == heads
    besides = differing_besides(runs, "pretraining.objectives")
    assert [besides[run.path] for run in runs] == ["head=concat"] * 2 + ["head=sum"] * 2


def test_a_unit_refuses_to_average_over_another_option(tmp_path):
    runs = [make_run(tmp_path, learning_rate=r, head=h) for r in (1e-4, 1e-3) for h in ("sum", "x")]
    with pytest.raises(UsageError, match=r"late and learning_rate=1e-4 differ .* head is sum, x"):
        unit_labels(runs, "learning_rate")
    kept = select_runs(runs, ["head=sum", "learning_rate=1e-4"])
    assert [run.path for run in kept] == [runs[0].path]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("learning_rate", "write it as OPTION=VALUE"),
        ("lerning_rate=1", "no option 'lerning_rate'; did you mean 'learning_rate'"),
        ("learning_rate=2", "no run has learning_rate=2; learning_rate is 5e-4"),
    ],
)
def test_a_condition_that_makes_no_sense(tmp_path, where, message):
    with pytest.raises(UsageError, match=message):
        select_runs([make_run(tmp_path)], [where])


def test_an_unknown_unit(tmp_path):
    with pytest.raises(UsageError, match="no option 'placment'; did you mean 'placement'"):
        unit_labels([make_run(tmp_path)], "placment")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e-4, "3e-4"),
        (2.5e-5, "2.5e-5"),
        (0.05, "0.05"),
        (1.0, "1"),
        (100.0, "100"),
        (0.0, "0"),
        (True, "true"),
        (None, "none"),
        ([], "none"),
        (["mlm=1", "itm=0.5"], "mlm+itm=0.5"),
        ("sum", "sum"),
    ],
)
def test_values_as_one_writes_them(value, text):
    assert option_text(value) == text
