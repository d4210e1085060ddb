"""Study files that are done in seconds, and what a study leaves on disk."""

import hashlib

from tiny import TINY_MODEL

TASK = "n_train=32,n_validation=32,n_test=48"


def write_study(
    folder,
    name="tiny",
    placements=("none", "1"),
    seeds=(0, 1),
    tasks=("toy_match", "toy_unique"),
    more="",
    options="epochs = 1",
):
    """Write a study file; give its path."""
    quoted = ", ".join(f'"{task}:{TASK}"' for task in tasks)
    places = ", ".join(f'"{placement}"' for placement in placements)
    file = folder / f"{name}.toml"
    file.write_text(f"""
runs = "runs"
output = "results"

[grid]
tasks = [{quoted}]
placements = [{places}]
seeds = [{", ".join(map(str, seeds))}]

[options]
architecture = "{TINY_MODEL}"
{options}

[measure]
metrics = ["cka", "mknn:k=5"]
layers = "same"

[correlate]
layer = ["last"]

{more}
""")
    return file


def bytes_of(folder):
    """Checksums of everything that a study made, its records and locks left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
