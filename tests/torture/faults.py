"""Let the n-th write, fsync, rename, open and mkdir of a chain of commands fail, for every n.

Each command must end in one line, and the same command again must give the bytes that it gives
where nothing fails.

    python tests/torture/faults.py [--every N] [--command NAME] [FOLDER]
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import work  # noqa: E402

# Kinds of calls in faults.c, how each fails, and whether all that follow fail too.
FAULTS = {
    "write": (1, errno.ENOSPC, False),
    "every write from": (1, errno.ENOSPC, True),
    "fsync": (2, errno.EIO, False),
    "rename": (3, errno.ENOSPC, False),
    "open": (4, errno.ENOSPC, False),
    "mkdir": (5, errno.ENOSPC, False),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each N-th call fails")
    parser.add_argument("--command", action="append", help="only this command of the chain")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only calls of this kind")
    parser.add_argument("folder", nargs="?", type=Path)
    asked = parser.parse_args()
    with work.scratch() as temporary:
        if "ALIGNKIT_FAULTS" not in os.environ:
            return _preloaded(temporary)
        folder = (asked.folder or temporary).resolve()
        return fail_each(folder, asked.every, asked.command, asked.fault)


def _preloaded(folder: Path) -> int:
    """Start this script again below the library that lets calls fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("there is no C compiler, which this needs: install gcc")
    library = folder / "faults.so"
    source = HERE / "faults.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library), "ALIGNKIT_FAULTS": "1"}
    return subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode


def fail_each(
    folder: Path, every: int = 1, only: list[str] | None = None, faults: list[str] | None = None
) -> int:
    """Let calls fail one after the other; print counts, return 1 if anything went wrong."""
    work.prepare(folder / "warm")
    counts: Counter[str] = Counter()
    total = problems = 0
    before = work.fresh(folder / "before")
    log = folder / "log"
    for name, words in work.CHAIN.items():
        calls: dict[str, int] = {}
        for fault, (kind, *_) in FAULTS.items():  # the last of these is the reference
            same = next((other for other in calls if FAULTS[other][0] == kind), None)
            if same:
                calls[fault] = calls[same]
                continue
            after = work.fresh(folder / "after", before)
            counted = folder / "count"
            work.succeed(words, after, log, _armed(after, fault, 0, counted))
            calls[fault] = int(counted.read_text())
        reference, _ = work.made_in(after)
        chosen = [fault for fault in calls if fault in (faults or FAULTS)]
        for fault in chosen if not only or name in only else ():
            n = calls[fault]
            for i in range(1, n + 1, every):
                here = work.fresh(folder / "here", before)
                ended = work.run(words, here, log, _armed(here, fault, i))
                wrong = "" if ended.is_clean else f"exit code {ended.code}: {ended.said[-1500:]}"
                if not wrong:
                    again = work.run(words, here, log)
                    made, litter = work.made_in(here)
                    counts["left litter for `runs gc`"] += litter > 0
                    wrong = _difference(again, reference, made)
                counts["failed in one line" if ended.code else "succeeded all the same"] += 1
                total += 1
                if wrong:
                    problems += 1
                    print(f"{name}: {fault} {i} of {n}: {wrong}", flush=True)
            print(f"{name}: {fault}: {n} calls, each {every}. of them failed", flush=True)
        shutil.rmtree(before)
        after.rename(before)
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"{total} faults: {said}; {problems} problems")
    return int(problems > 0)


def _armed(folder: Path, fault: str, n: int, counted: Path | None = None) -> Callable[[], None]:
    def arm() -> None:
        library = ctypes.CDLL(None)
        kind, code, onwards = FAULTS[fault]
        library.arm_faults(os.fsencode(folder), kind, ctypes.c_long(n), code, int(onwards))
        if counted is not None:
            library.count_calls.restype = ctypes.c_long
            real_exit = os._exit

            def leave(status: int) -> None:
                counted.write_text(str(library.count_calls()))
                real_exit(status)

            os._exit = leave

    return arm


def _difference(again: object, reference: dict[str, str], made: dict[str, str]) -> str:
    if again.code:
        return f"the rerun ends with {again.code}: {again.said[-1500:]}"
    differing = [name for name in {*reference, *made} if reference.get(name) != made.get(name)]
    return f"the rerun differs in: {', '.join(sorted(differing))}" if differing else ""


if __name__ == "__main__":
    sys.exit(main())
