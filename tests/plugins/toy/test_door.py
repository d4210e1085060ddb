"""The toy plugin as alignkit meets it."""

import importlib
import subprocess
import sys

import pytest

import alignkit
import alignkit_toy.plugin
from alignkit.plugins.options import bind


def registered() -> dict[str, tuple[str, dict]]:
    names = {}

    def register(name, target, **facts):
        names[name] = (target, facts)

    alignkit_toy.plugin.register_tasks(register)
    return names


def load(target: str):
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def test_four_arms_one_of_them_the_default():
    names = registered()
    assert sorted(names) == ["toy_match", "toy_redundant", "toy_synergy", "toy_unique"]
    assert not any(facts.get("default") for _, facts in names.values())
    for name, (target, facts) in names.items():
        assert load(target).name == name
        assert facts["summary"]


def test_options_are_read_off_the_constructor():
    target = load(registered()["toy_match"][0])
    bound = bind(target, {"values": "6", "noise": "0.2", "n_test": "12"}, "toy_match")
    task = target(**bound)
    assert (task.values, task.noise, len(task.split("test"))) == (6, 0.2, 12)
    with pytest.raises(alignkit.UsageError, match="no option 'value'; did you mean 'values'"):
        bind(target, {"value": "6"}, "toy_match")


@pytest.mark.slow
def test_registering_imports_no_array_library():
    code = "import sys, alignkit_toy.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "alignkit_toy.plugin" in loaded
    assert not loaded & {"numpy", "torch", "PIL"}
