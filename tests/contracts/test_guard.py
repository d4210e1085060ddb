"""Objects of plugins as alignkit uses them."""

import pytest

from alignkit import Binary, PluginError, UsageError
from alignkit.contracts.guard import plain
from alignkit.contracts.task import GuardedTask
from alignkit.runs.config import choose


class Task:
    """The least that a task is."""

    target = Binary()

    def split(self, name):
        raise UsageError(f"there is no split {name}")

    def fingerprint(self):
        raise KeyError("weights")

    def more(self, value):
        return value

    @property
    def broken(self):
        return {}["key"]


def test_a_guard_stands_for_its_object():
    guarded = GuardedTask(Task(), "task 'x'")
    assert isinstance(guarded, Task)
    assert isinstance(guarded.target, Binary)
    assert plain(guarded.target) is Task.target
    assert guarded.more(guarded) is plain(guarded)  # plugins see their own objects only
    assert not hasattr(guarded, "content_digest")
    assert guarded.target.labels == ("no", "yes")


def test_errors_are_the_plugins_unless_it_refuses():
    guarded = GuardedTask(Task(), "task 'x'")
    with pytest.raises(UsageError, match="there is no split test"):
        guarded.split("test")
    with pytest.raises(PluginError, match="task 'x', asked for its fingerprint, raised KeyError"):
        guarded.fingerprint()
    with pytest.raises(PluginError, match="task 'x', asked for `broken`, raised KeyError"):
        _ = guarded.broken
    with pytest.raises(PluginError, match="task 'x' is None without"):
        GuardedTask(None, "task 'x'")


def test_what_a_choice_makes_names_its_plugin(monkeypatch):
    made = choose("tasks", "toy_match:n_train=8,n_validation=8,n_test=8").make()
    monkeypatch.setattr(type(plain(made)), "fingerprint", lambda _: 3)
    with pytest.raises(PluginError, match=r"'toy_match' of alignkit-toy .* plugins check task toy"):
        made.fingerprint()
