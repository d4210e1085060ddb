"""Whether runs are measured as a study asks: remembered, and found out again after any change."""

import json

import pytest

from alignkit.alignment.runs import measure_run
from alignkit.studies import status
from alignkit.studies.status import Asked
from alignkit.studies.tables import Measure

CKA = Measure(metrics=("cka",))


@pytest.fixture
def measured(tiny_run):
    """A measured run of which the answer is remembered, and a hash of its values."""
    measure_run(tiny_run, ["cka"])
    asked = Asked(CKA)
    assert asked.is_measured(tiny_run, tiny_run.config, "test", "cls")
    return tiny_run, asked.digest(tiny_run, tiny_run.config)


def table(run):
    return run.alignment_folder("test") / "cka.cls.csv"


def test_a_run_that_did_not_change_is_not_read_again(measured, monkeypatch):
    run, digest = measured
    monkeypatch.setattr(status, "_measured", lambda *_: pytest.fail("read again"))
    asked = Asked(CKA)
    assert asked.is_measured(run, run.config, "test", "cls")
    assert asked.digest(run, run.config) == digest


def _flip(run):
    content = bytearray(table(run).read_bytes())
    content[-30] ^= 1
    table(run).write_bytes(content)


def _damage_manifest(run):
    manifest = table(run).with_suffix(".json")
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"checksum": "0" * 64}))


def _empty_manifest(run):
    table(run).with_suffix(".json").write_text("{}")


def _replace_representations(run):
    index = run.representations_folder("test") / "index.json"
    index.unlink()


@pytest.mark.parametrize(
    "change", [_flip, _damage_manifest, _empty_manifest, lambda run: table(run).unlink()]
)
def test_a_table_that_changed_does_not_count(measured, change):
    run, _ = measured
    change(run)
    assert not Asked(CKA).is_measured(run, run.config, "test", "cls")


def test_other_files_that_changed_do_not_change_the_answer(measured):
    run, digest = measured
    _replace_representations(run)
    asked = Asked(CKA)
    assert asked.is_measured(run, run.config, "test", "cls")
    assert asked.digest(run, run.config) == digest


@pytest.mark.parametrize(
    "other",
    [
        Measure(metrics=("cka", "mknn:k=5")),
        Measure(metrics=("cka",), null=5),
        Measure(metrics=("cka",), pools=("cls", "mean")),
        Measure(metrics=("cka",), streams="all"),
    ],
)
def test_the_answer_to_one_question_is_none_to_another(measured, other):
    run, digest = measured
    asked = Asked(other)
    assert not asked.is_measured(run, run.config, "test", other.pools[-1])
    asked.digest(run, run.config)
    assert not Asked(other).is_measured(run, run.config, "test", other.pools[-1])
    assert Asked(CKA).is_measured(run, run.config, "test", "cls")
    assert Asked(CKA).digest(run, run.config) == digest


def test_values_of_another_version_do_not_count(measured, monkeypatch):
    run, _ = measured
    monkeypatch.setattr("alignkit.metrics.metric.Metric.version", 7)
    assert not Asked(CKA).is_measured(run, run.config, "test", "cls")


def test_new_values_are_other_values(measured):
    run, digest = measured
    table(run).unlink()
    measure_run(run, ["cka"], null=3)
    assert Asked(CKA).digest(run, run.config) == digest, "the null is no part of the values"
    lines = table(run).read_text().splitlines(keepends=True)
    table(run).with_suffix(".json").unlink()  # a table of an earlier version, of other values
    table(run).write_text(
        "".join([lines[0], *(line.replace(",0.", ",1.", 1) for line in lines[1:])])
    )
    assert Asked(CKA).digest(run, run.config) != digest
