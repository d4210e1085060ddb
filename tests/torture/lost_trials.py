"""Kill a search before or after its n-th write to its storage, for every n, and go on with it.

No trial may be lost or repeated: the finished trials must be those of an undisturbed search.

    python tests/torture/lost_trials.py [--every N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import work  # noqa: E402
from trials import finished_in  # noqa: E402

from tiny import TINY_MODEL, TINY_TASK  # noqa: E402

WRITES = (
    "create_new_study",
    "set_study_user_attr",
    "create_new_trial",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "set_trial_intermediate_value",
    "record_heartbeat",
)
KILLED = 137
TRIALS = 4
SPACES: dict[str, dict[str, Any]] = {
    "placement": {"space": "placement:distinct=true", "bounds": ("blocks=1:3",)},
    "named": {"space": "named", "placements": ("1", "none", "1,2", "2")},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only at each N-th write")
    parser.add_argument("--space", action="append", choices=SPACES)
    every = parser.parse_args().every
    kills, problems = 0, 0
    with work.scratch() as folder:
        for space in parser.parse_args().space or SPACES:
            for kind in ("sqlite", "journal"):
                done, wrong = kill_each(folder, kind, space, every)
                kills, problems = kills + done, problems + wrong
    print(f"{kills} kills of a search: {problems} problems")
    return int(problems > 0)


def kill_each(folder: Path, kind: str, space: str, every: int) -> tuple[int, int]:
    """Kill a search once per write; return the number of kills, and of wrong results."""
    reference_folder = _fresh(folder)
    _in_fork(lambda: _search(reference_folder, kind, space))  # so that the runs are trained
    reference_folder = _fresh(folder)
    count = folder / "count"
    _in_fork(lambda: _counted(lambda: _search(reference_folder, kind, space), count))
    reference = finished_in(reference_folder / "trials", kind)
    writes, kills, problems = int(count.read_text()), 0, 0
    for after in (False, True):
        for n in range(1, writes + 1, every):
            here = _fresh(folder)
            code = _in_fork(lambda h=here, n=n, a=after: _killed(h, kind, space, n, a))
            if code != KILLED:
                sys.exit(f"{kind}: write {n} was not reached: exit code {code}")
            code = _in_fork(lambda h=here: _search(h, kind, space))
            trials = finished_in(here / "trials", kind) if code == 0 else []
            kills += 1
            if trials != reference:
                problems += 1
                when = "after" if after else "before"
                print(f"{space}, {kind}, killed {when} write {n} of {writes}: {code} {trials}")
    print(f"{space}, {kind}: {writes} writes, {kills} kills, {problems} problems", flush=True)
    return kills, problems


def _fresh(folder: Path) -> Path:
    here = folder / "search"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    return here


def _search(folder: Path, kind: str, space: str) -> None:
    from alignkit.search.search import Search
    from alignkit.search.storage import parse_url
    from alignkit.search.workers import StudyStorage, run_search

    search = Search(
        tasks=(TINY_TASK,),
        architecture=TINY_MODEL,
        training={"epochs": 1},
        runs=folder.parent / "runs",
        **SPACES[space],
    )
    storage = StudyStorage(parse_url(f"{kind}:///{folder}/trials"), "s")
    run_search(search, storage, TRIALS)


def _watched(act: Callable[[int, bool], None]) -> None:
    """Call ``act`` with the number of every write to a storage, before and after it."""
    from optuna.storages import JournalStorage, RDBStorage

    number = 0

    def watch(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def watched(*args: Any, **kept: Any) -> Any:
            nonlocal number
            number += 1
            mine = number
            act(mine, False)
            result = real(*args, **kept)
            act(mine, True)
            return result

        setattr(kind, name, watched)

    for kind in (RDBStorage, JournalStorage):
        for name in WRITES:
            if hasattr(kind, name):
                watch(kind, name)


def _killed(folder: Path, kind: str, space: str, n: int, after: bool) -> None:
    def act(number: int, is_after: bool) -> None:
        if number == n and is_after == after:
            os._exit(KILLED)

    _watched(act)
    _search(folder, kind, space)


def _counted(call: Callable[[], None], count: Path) -> None:
    _watched(lambda number, _: count.write_text(str(number)) and None)
    call()


def _in_fork(call: Callable[[], None]) -> int:
    """Call a function in a fork of this process; return its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        call()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    import torch

    import alignkit.chain.train
    import alignkit.search.workers  # noqa: F401

    torch.set_num_threads(1)
    sys.exit(main())
