"""Read damaged files of every kind: each must be read, or refused in one line, soon and in bounds.

python tests/torture/fuzz.py [--executions N] [--seed N] [--only NAME] [--keep FOLDER]

Of N executions, each damages one valid file and reads it as the commands do. A problem is any
other error than alignkit's own, a message of several lines or with control characters, a process
that dies, SECONDS without an answer, and MEMORY more than before.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import work  # noqa: E402
from mutations import mutated  # noqa: E402
from subjects import REFUSALS, SUBJECTS, Subject  # noqa: E402

SECONDS = 20  # for one execution, on a machine that does other things too
MEMORY = 400 << 20  # bytes of a process beyond what it took before
ADDRESSES = 6 << 30  # bytes of addresses beyond those of the libraries
LONGEST = 4000  # characters of a message, of which the command line prints no more either


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=[each.name for each in SUBJECTS])
    parser.add_argument("--keep", type=Path, help="where the files go that made a problem")
    asked = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    chosen = [each for each in SUBJECTS if not asked.only or each.name in asked.only]
    weight = sum(each.weight for each in chosen)
    done, problems = 0, 0
    for subject in chosen:
        with work.scratch() as folder:
            os.environ["ALIGNKIT_CACHE"] = f"{folder}/cache"
            number = max(1, asked.executions * subject.weight // weight)
            started = time.monotonic()
            told = list(_fuzz(subject, folder, number, asked.seed, asked.keep))
        for problem in told:
            print(f"PROBLEM in {subject.name}: {problem}", flush=True)
        seconds = time.monotonic() - started
        print(f"{subject.name}: {number:,} executions, {len(told)} problems, {seconds:.0f} s")
        done, problems = done + number, problems + len(told)
    print(f"{done:,} executions with seed {asked.seed}: {problems} problems")
    return int(problems > 0)


def _fuzz(
    subject: Subject, folder: Path, number: int, seed: int, keep: Path | None
) -> Iterator[str]:
    """Yield the problems of one subject; a process that dies or hangs is replaced."""
    begin = 0
    while begin < number:
        # The execution that is going on, for this process to see.
        with mmap.mmap(-1, 8) as shared, tempfile.TemporaryFile("w+") as said:
            shared[:] = begin.to_bytes(8)
            pid = os.fork()
            if not pid:
                _child(subject, folder, (begin, number), seed, shared, said, keep)
            status = _watched(pid, shared)
            at = int.from_bytes(shared[:])
            said.seek(0)
            yield from map(json.loads, said)
        if status == 0:
            return
        if at == 0xFFFFFFFF:
            yield f"valid files cannot be made or read (status {status})"
            return
        how = f"no answer within {SECONDS} s" if status is None else f"the process died ({status})"
        yield f"execution {at}: {how}"
        begin = at + 1


def _watched(pid: int, shared: mmap.mmap) -> int | None:
    """Wait for a process; kill it where one execution takes too long, and return None."""
    at, since = shared[:], time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if shared[:] != at:
            at, since = shared[:], time.monotonic()
        patience = 10 * SECONDS if at == b"\0\0\0\0\xff\xff\xff\xff" else SECONDS
        if time.monotonic() - since > patience:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.02)


def _child(subject, folder, executions, seed, shared, said, keep) -> None:
    code = 1
    try:
        begin, end = executions
        shared[:] = 0xFFFFFFFF.to_bytes(8)
        warnings.simplefilter("ignore")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        files = list(subject.make(folder))
        whole = {file: file.read_bytes() for file in files}
        for file in files:
            with contextlib.redirect_stderr(open(os.devnull, "w")):
                subject.read(folder, file)
            _put(file, whole[file])
        spent = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (spent + ADDRESSES,) * 2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # libraries in C say there what they like
        os.dup2(null, 2)
        for at in range(begin, end):
            shared[:] = at.to_bytes(8)
            rng = random.Random(f"{seed} {subject.name} {at}")
            file = rng.choice(files)
            others = [whole[each] for each in files if each.suffix == file.suffix]
            content = mutated(rng, whole[file], others)
            problem = _execute(subject, folder, file, content)
            _put(file, whole[file])
            if problem:
                said.write(json.dumps(f"execution {at}, {file.name}: {problem}") + "\n")
                said.flush()
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{at}-{file.name}").write_bytes(content)
        code = 0
    except BaseException:
        said.write(json.dumps(f"the fuzzer failed: {traceback.format_exc()[-600:]}") + "\n")
        said.flush()
    finally:
        os._exit(code)


def _execute(subject: Subject, folder: Path, file: Path, content: bytes) -> str:
    """Read a damaged file; return what is wrong with how that ended."""
    from alignkit.errors import AlignkitError

    _put(file, content)
    REFUSALS.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        subject.read(folder, file)
    except AlignkitError as error:
        REFUSALS.append(str(error))
    except BaseException as error:
        places = traceback.extract_tb(error.__traceback__)
        ours = [each for each in places if "alignkit" in each.filename] or places
        where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in ours[-3:])
        return f"{type(error).__name__}: {str(error)[:150]!r} at {where}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if grown > MEMORY:
        return f"took {grown >> 20} MB"
    return next(filter(None, map(_fault_of_message, REFUSALS)), "")


def _fault_of_message(text: str) -> str:
    """Return what is wrong with a message after it is cleaned for a terminal."""
    from alignkit.cleaning import message

    shown = message(text)
    if not text.strip():
        return "an empty message"
    if len(shown) > LONGEST + 100:
        return f"a message of {len(shown)} characters"
    if len(text.splitlines()) > 12:
        return f"a message of {len(text.splitlines())} lines"
    return ""


def _put(file: Path, content: bytes) -> None:
    """Write a file anew, as what was read before is known by the file and its time."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
