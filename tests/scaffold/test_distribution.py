"""What ``alignkit new`` writes works, passes its own test, and leaves a linter nothing to say."""

import ast
import builtins
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import alignkit
from alignkit.scaffold import SCAFFOLDS, write_scaffold
from alignkit.scaffold.distribution import compatible
from alignkit.testing import examine_plugin
from tiny import alignkit as run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of one distribution of every kind, as if each were installed."""
    root = tmp_path_factory.mktemp("new")
    for kind in SCAFFOLDS:
        folder = write_scaffold(kind, f"my_{kind}", root, alignkit.__version__).folder
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = root / "site" / f"alignkit_my_{kind}-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = project["entry-points"]["alignkit"].items()
        lines = [f"{name} = {module}" for name, module in points]
        (info / "entry_points.txt").write_text("\n".join(["[alignkit]", *lines, ""]))
    return root


def _process(folder: Path, *words: object) -> subprocess.CompletedProcess:
    path = [os.environ.get("PYTHONPATH", ""), str(folder), str(folder.parent / "site")]
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", SCAFFOLDS)
def test_it_passes_its_own_test_and_every_check(written, kind):
    folder = written / f"alignkit-my-{kind}"
    tested = _process(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "passed" in tested.stdout
    checked = _process(folder, "alignkit", "plugins", "check", folder.name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"my_{kind}" in checked.stdout
    assert "not checked" not in checked.stdout


@pytest.mark.slow
def test_pip_installs_what_the_metadata_say(written, tmp_path):
    pip = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    folder = written / "alignkit-my-architecture"
    done = _process(folder, *pip, "--disable-pip-version-check", "--target", tmp_path, ".")
    assert done.returncode == 0, done.stderr
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {"alignkit_my_architecture", "alignkit_my_architecture-0.1.0.dist-info"}
    (info,) = tmp_path.glob("*.dist-info")
    assert "my_architecture = alignkit_my_architecture" in (info / "entry_points.txt").read_text()
    assert f"Requires-Dist: alignkit{_range()}" in (info / "METADATA").read_text().replace(
        "<0.2,>=0.1", ">=0.1,<0.2"
    )


def _range():
    return compatible(alignkit.__version__)


@pytest.mark.slow
def test_a_type_checker_finds_nothing(written):
    code = [file for file in written.rglob("*.py") if "site" not in file.parts]
    done = _process(
        written / "alignkit-my-metric",
        *("mypy", "--strict", "--config-file", ROOT / "pyproject.toml"),
        *("--scripts-are-modules", "--explicit-package-bases", *sorted(code)),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", SCAFFOLDS)
@pytest.mark.parametrize("name", ["my_{}", "x" * 40])
def test_a_linter_and_a_formatter_find_nothing(tmp_path, kind, name):
    folder = write_scaffold(kind, name.format(kind), tmp_path, "0.1.0").folder
    rules = "E4,E7,E9,F,I,B,UP,SIM,RUF,RET,PERF,NPY"
    for words in (("check", "--select", rules), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", words[0], "--isolated", *words[1:], "."],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(name) > 20 or all(len(line) <= 88 for line in _lines(folder))


@pytest.mark.parametrize("kind", SCAFFOLDS)
@pytest.mark.parametrize("name", ["3d", "lambda", "true", "float", "alignkit", "torch", "model"])
def test_a_name_that_means_something_in_python_is_no_trouble(tmp_path, kind, name):
    folder = write_scaffold(kind, name, tmp_path, "0.1.0").folder
    file = folder / f"alignkit_{name}" / "plugin.py"
    results = (
        examine_plugin([str(file)]) if kind in ("metric", "placement", "task", "target") else []
    )
    assert not [each for each in results if each.result == "fails"]
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text())
        defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert not defined & {"alignkit", "torch", "lambda", *dir(builtins)}


def _lines(folder):
    return [line for file in folder.rglob("*.py") for line in file.read_text().splitlines()]


def test_importing_one_is_cheap(written):
    modules = [f"{file.parent.name}.plugin" for file in written.glob("*/*/plugin.py")]
    assert len(modules) == len(SCAFFOLDS)
    path = [str(folder) for folder in written.glob("alignkit-*")]
    code = f"import sys\nsys.path += {path}\nimport {', '.join(modules)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "PIL"} & set(done.stdout.split())


def test_the_command_prints_the_folder_and_what_to_run_next(tmp_path):
    done = run("new", "metric", "rv", "--directory", "my plugins", cwd=tmp_path)
    assert done.stdout == "my plugins/alignkit-rv\n"
    for line in (
        "  cd 'my plugins/alignkit-rv'",
        "  python -m pip install -e '.[test]'",
        "  python -m pytest",
        "  alignkit plugins check alignkit-rv",
        "  alignkit measure x.npy y.npy --metric rv",
    ):
        assert line in done.stderr.splitlines()
    folder = tmp_path / "my plugins" / "alignkit-rv"
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert files == {
        ".github/workflows/test.yml",
        "README.md",
        "alignkit_rv/__init__.py",
        "alignkit_rv/plugin.py",
        "alignkit_rv/py.typed",
        "pyproject.toml",
        "tests/test_rv.py",
    }
    assert "alignkit plugins check alignkit-rv" in (folder / "README.md").read_text()
    file = folder / "alignkit_rv" / "plugin.py"
    assert "checks hold" in run("plugins", "check", file, cwd=tmp_path).stdout


def test_a_plural_names_the_kind_too(tmp_path):
    assert run("new", "losses", "mine", cwd=tmp_path).stdout == "alignkit-mine\n"


def test_a_test_that_needs_a_default_requires_its_distribution(tmp_path):
    for kind, distribution in (
        ("placement", "alignkit-vilbert"),
        ("architecture", "alignkit-emoji"),
    ):
        folder = write_scaffold(kind, "mine", tmp_path / kind, "0.1.0").folder
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        assert project["optional-dependencies"]["test"] == ["pytest", distribution]
        assert project["dependencies"] == ["alignkit>=0.1,<0.2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("metrc", "x"), "did you mean 'metric'?"),
        (("colour", "x"), "known: metric, placement"),
        (("metric", "My-Metric"), "'My-Metric' is not a valid name"),
        (("metric", "../x"), "is not a valid name"),
        (("metric", "x" * 41), "41 characters; at most 40"),
        (("metric", "cka"), "metric 'cka' is registered by alignkit-metrics 0.1.0"),
        (("task", "toy_match"), "task 'toy_match' is registered by alignkit-toy 0.1.0"),
        (("task", "toy"), "alignkit-toy 0.1.0 is installed already"),
        (("metric", "existing"), "alignkit-existing exists; choose another name"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, words, message):
    (tmp_path / "alignkit-existing").mkdir()
    done = run("new", *words, cwd=tmp_path, code=2)
    assert message in done.stderr
    assert [file.name for file in tmp_path.rglob("*")] == ["alignkit-existing"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("new", "metric", "x", "--directory", "file", cwd=tmp_path, code=1)
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("version", "versions"),
    [
        ("0.1.0", ">=0.1,<0.2"),
        ("0.9.3.dev1", ">=0.9,<0.10"),
        ("1.0.0", ">=1.0,<2"),
        ("2.3rc1", ">=2.3,<3"),
        ("3", ">=3.0,<4"),
    ],
)
def test_it_works_with_the_versions_that_have_the_same_interface(version, versions):
    assert compatible(version) == versions
