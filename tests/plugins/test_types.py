"""What a type checker finds in a plugin: it runs once, on all the files below."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alignkit
from alignkit.plugins import KINDS
from alignkit.plugins.hookspecs import DECLARATIONS
from alignkit.plugins.registry import singular

ROOT = Path(__file__).parents[2]

TOP = """
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

import alignkit
from alignkit import Representation
"""


def _objective(constructor: str, forward: str, scores: str) -> str:
    """An objective with these parameters of its methods, and its registration."""
    return f"""
class Own(nn.Module):
    def __init__(self, {constructor}) -> None:
        super().__init__()

    def forward(self, {forward}) -> Tensor:
        return text.sum()

    def {scores}(
        self, text: Tensor, vision: Tensor, samples: alignkit.ObjectiveSamples
    ) -> dict[str, float]:
        return {{}}

def f(register: alignkit.RegisterObjectives) -> None:
    register('own', Own)"""


CONTEXT = "context: alignkit.ObjectiveContext"
SIDES = "text: Tensor, vision: Tensor"
GIVEN = f"{SIDES}, samples: alignkit.ObjectiveSamples"
NO_OBJECTIVE = 'incompatible type "type[Own]"'

# What each file holds, and what is said of its last statement.
WRONG = {
    "hook": ("@alignkit.hokimpl\ndef f() -> None: ...", 'has no attribute "hokimpl"'),
    "error": ("def f() -> None:\n    raise alignkit.UsageEror('no')", 'no attribute "UsageEror"'),
    "metric of one argument": (
        "def one(x: Representation) -> float:\n    return 0.5\n"
        "def f(register: alignkit.RegisterMetrics) -> None:\n    register('one', one)",
        'incompatible type "Callable[[Representation], float]"',
    ),
    "metric that returns text": (
        "def word(x: Representation, y: Representation) -> str:\n    return ''\n"
        "def f(register: alignkit.RegisterMetrics) -> None:\n    register('word', word)",
        'incompatible type "Callable[[Representation, Representation], str]"',
    ),
    "misspelt declaration": (
        "def f(register: alignkit.RegisterMetrics) -> None:\n"
        "    register('m', 'm:m', rnage=(0, 1))",
        'Unexpected keyword argument "rnage"',
    ),
    "unknown invariance": (
        "def f(register: alignkit.RegisterMetrics) -> None:\n"
        "    register('m', 'm:m', invariances=('rotations',))",
        "incompatible type",
    ),
    "declaration of another kind": (
        "def f(register: alignkit.RegisterTasks) -> None:\n    register('t', 'm:T', maximise=True)",
        'Unexpected keyword argument "maximise"',
    ),
    "task without a fingerprint": (
        "class Bare:\n    target = alignkit.Binary()\n"
        "    def split(self, name: str) -> alignkit.Split:\n        raise NotImplementedError\n"
        "def f(register: alignkit.RegisterTasks) -> None:\n    register('bare', Bare)",
        'incompatible type "type[Bare]"',
    ),
    "architecture without build": (
        "class Bare:\n    def depths(self) -> Mapping[str, int]:\n        return {}\n"
        "def f(register: alignkit.RegisterArchitectures) -> None:\n    register('bare', Bare)",
        'incompatible type "type[Bare]"',
    ),
    "placement of texts": (
        "def f(register: alignkit.RegisterPlacements) -> None:\n    register('p', ['3', '4'])",
        "List item 0 has incompatible type",
    ),
    "loss of one tensor": (
        "def one(text: Tensor) -> Tensor:\n    return text\n"
        "def f(register: alignkit.RegisterLosses) -> None:\n    register('one', one)",
        'incompatible type "Callable[[Tensor], Tensor]"',
    ),
    "objective without scores": (_objective(CONTEXT, GIVEN, "score"), NO_OBJECTIVE),
    "objective of two tensors": (_objective(CONTEXT, SIDES, "scores"), NO_OBJECTIVE),
    "objective made of widths": (_objective("a: int, b: int", GIVEN, "scores"), NO_OBJECTIVE),
    "encoder without sites": (
        "class Bare:\n    stream = 'text'\n    label = 'bare'\n"
        "def f(register: alignkit.RegisterEncoders) -> None:\n    register('bare', Bare)",
        'incompatible type "type[Bare]"',
    ),
}

RIGHT = """
from alignkit_emoji.task import Emoji
from alignkit_encoders.packages import efficientnet_lite0, minilm
from alignkit_fusions.bottleneck import Mbt
from alignkit_losses.itc import ImageTextContrast
from alignkit_losses.pairs import contrastive
from alignkit_metrics.kernels import cka
from alignkit_tasks.folder import Folder
from alignkit_vilbert import Vilbert


class Halves:
    def __init__(self, k: int = 3) -> None:
        self.k = k

    def prepare(self, x: Representation) -> float:
        return x.norm

    def compare(self, a: float, b: float) -> float:
        return a / b


@alignkit.hookimpl
def register_metrics(register: alignkit.RegisterMetrics) -> None:
    register("cka", cka, range=(0, 1), best=1, invariances=("rotation", "scale"))
    register("halves", Halves, summary="Half of it", default=True, variants={"k": {3: {"best": 1}}})


@alignkit.hookimpl
def register_architectures(register: alignkit.RegisterArchitectures) -> None:
    register("vilbert", Vilbert)
    register("mbt", Mbt)


@alignkit.hookimpl
def register_placements(register: alignkit.RegisterPlacements) -> None:
    register("list", [1, 2])
    register("both", {"text": [1], "vision": [2]})
    register("placement", alignkit.Placement([1], [2]))


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    register("emoji", Emoji)
    register("folder", Folder)


@alignkit.hookimpl
def register_objectives(register: alignkit.RegisterObjectives) -> None:
    register("itc", ImageTextContrast, scores=("recall",), paper="Radford et al. 2021")


@alignkit.hookimpl
def register_losses(register: alignkit.RegisterLosses) -> None:
    register("contrastive", contrastive, paper="Radford et al. 2021")


@alignkit.hookimpl
def register_encoders(register: alignkit.RegisterEncoders) -> None:
    register("minilm", minilm)
    register("efficientnet_lite0", efficientnet_lite0)


parallel = alignkit.spread
"""


EXAMPLE = "examples/third_party/alignkit-rv/alignkit_rv/plugin.py"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What mypy says, by the name of the file."""
    folder = tmp_path_factory.mktemp("plugins")
    # One for each fault.
    files = {f"{what.replace(' ', '_')}.py": text for what, (text, _) in WRONG.items()}
    for name, text in {"right.py": RIGHT, **files}.items():
        (folder / name).write_text(TOP + text + "\n")
    sources = [ROOT / "src", *ROOT.glob("plugins/*/src")]
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--strict"]
    command += ["--cache-dir", os.environ.get("MYPY_CACHE_DIR", ROOT / ".mypy_cache")]
    examples = [*(ROOT / "examples/third_party").glob("*.py"), *ROOT.glob(EXAMPLE)]
    done = subprocess.run(
        [*command, *sorted(folder.glob("*.py")), *examples],
        cwd=folder,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        file, colon, rest = line.partition(":")
        if colon:
            lines.setdefault(Path(file).name, []).append(rest)
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_a_type_checker_finds(said, what):
    text, expected = WRONG[what]
    lines = said[f"{what.replace(' ', '_')}.py"]
    at = [line for line in lines if expected in line]
    assert at, lines
    assert int(at[0].partition(":")[0]) >= (TOP + text).rstrip().count("\n")


@pytest.mark.slow
def test_a_type_checker_is_content_with_what_the_tool_itself_registers_and_with_the_examples(said):
    assert set(said) <= {f"{what.replace(' ', '_')}.py" for what in WRONG}, said


def test_a_type_checker_knows_the_names_that_exist_and_no_others():
    tree = ast.parse((ROOT / "src/alignkit/__init__.py").read_text())
    (block,) = [
        n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    ]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {a.asname: n.module for n in imports for a in n.names} == alignkit._PUBLIC
    former = {ast.unparse(n) for n in block.body if isinstance(n, ast.Assign)}
    assert former == {f"{old} = {new}" for old, new in alignkit._RENAMED.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_type_of_its_register(kind):
    word = "".join(part.title() for part in kind.split("_"))
    assert hasattr(alignkit, f"Register{word}")


def test_declarations_are_documented_and_known():
    for kind, known in DECLARATIONS.items():
        types = getattr(alignkit, f"{singular(kind).title()}Declarations")
        documented = re.findall(r"^    (\w[\w, ]*) : ", types.__doc__, flags=re.MULTILINE)
        assert {name for line in documented for name in line.split(", ")} == known


def test_distributions_are_typed():
    packages = [ROOT / "src/alignkit", *ROOT.glob("plugins/*/src/*")]
    packages += [file.parent for file in ROOT.glob("examples/third_party/*/*/__init__.py")]
    assert len(packages) == 10
    for package in packages:
        assert (package / "py.typed").is_file(), package
