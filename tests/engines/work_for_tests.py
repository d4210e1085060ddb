"""Units of work that do next to nothing, and some that fail."""

import os
import signal
import time
from pathlib import Path

from alignkit.errors import DataError
from alignkit.progress import current_reporter


def add(a, b, reporter):
    reporter.note(f"{a} + {b}")
    return a + b


def note_of_a_library(text, reporter):
    current_reporter().note(text)


def fail(reporter):
    raise DataError("there are no data")


def stumble(reporter):
    return {}["absent"]


def end(reporter):
    raise SystemExit(0)


def threads(reporter):
    import torch

    return torch.get_num_threads()


def environment(name, reporter):
    time.sleep(0.3)  # so that several workers are needed
    return os.environ.get(name, "")


def log(file, word, reporter):
    with Path(file).open("a") as out:
        out.write(f"{word}\n")
    return word


def die_once(file, reporter):
    """Kill the process that does this, the first time."""
    path = Path(file)
    if not path.exists():
        path.write_text("was here")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done after all"


def always_die(reporter):
    os.kill(os.getpid(), signal.SIGKILL)


def folder(reporter):
    return os.getcwd()
