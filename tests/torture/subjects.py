"""What is fuzzed: for every kind of file that is read, valid ones, and all that reads them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiny import TINY_TASK, train_tiny

ROWS = 6
REFUSALS: list[str] = []  # what readers said from which the next one went on


@dataclass(frozen=True)
class Subject:
    """A kind of file.

    Attributes
    ----------
    name : str
    make : callable
        Given an empty folder, writes what is read; returns the places of valid files in it, of
        which each execution damages one.
    read : callable
        Given the folder and the damaged file, reads it as commands do.
    weight : int
        How many executions it gets, relative to the others; few where each takes long.
    """

    name: str
    make: Callable[[Path], Sequence[Path]]
    read: Callable[[Path, Path], object]
    weight: int = 4


def _documents(folder: Path) -> list[Path]:
    whole = {
        "a.json": json.dumps({"n": 3, "sites": {"t00": ["mean"]}, "ids": ["a", "b"], "x": None}),
        "b.json": json.dumps([{"steps": {"train": {"seconds": 1.5, "state": "done"}}}]),
        "c.toml": 'name = "a"\nruns = "x"\n[grid]\nseeds = [0, 1]\nlr = 1e-4\n[[run]]\nt = true\n',
    }
    for name, text in whole.items():
        (folder / name).write_text(text)
    return [folder / name for name in whole]


def _read_document(_: Path, file: Path) -> None:
    from alignkit.documents import check_form, read_json, read_toml
    from alignkit.runs.manifests import read_checked

    if file.suffix == ".toml":
        read_toml(file)
        return
    content = read_json(file)
    with _refused():
        check_form(content, {"n": int, "sites": {"*": [str]}, "ids": [str], "x?": str}, "x")
    with _refused():
        read_checked(file)


STUDY = f"""
runs = "runs"
output = "results"
[grid]
tasks = ["{TINY_TASK}"]
placements = ["none", "1"]
seeds = [0, 1]
[options]
architecture = "vilbert:depth=2,width=16,heads=2,feedforward=32,fusion_width=16"
epochs = 1
[pretrain]
task = "toy_match"
[evaluate]
splits = ["test"]
[extract]
pools = ["mean"]
[measure]
metrics = ["mknn:k=5", "cka"]
layers = "last"
[correlate]
layer = ["last"]
[report]
margin = 0.3
[[run]]
task = "toy_unique"
placement = "2"
seeds = [3]
[engine]
jobs = 1
"""


def _study(folder: Path) -> list[Path]:
    (folder / "study.toml").write_text(STUDY)
    small = STUDY.partition("[pretrain]")[0]
    (folder / "small.toml").write_text(small)
    return [folder / "study.toml", folder / "small.toml"]


def _read_study(_: Path, file: Path) -> None:
    from alignkit.studies.file import read_study

    read_study(file)


def _plan_study(_: Path, file: Path) -> None:
    from alignkit.studies.file import read_study
    from alignkit.studies.plan import make_plan

    make_plan(read_study(file))


def _arrays(folder: Path) -> list[Path]:
    import h5py
    import numpy as np
    import pandas as pd
    import torch
    from safetensors.numpy import save_file
    from scipy.io import savemat

    values = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
    ids = np.array([f"s{row}" for row in range(ROWS)])
    np.save(folder / "a.npy", values)
    np.save(folder / "fortran.npy", np.asfortranarray(values.astype(np.float64)))
    np.savez(folder / "a.npz", x=values, y=values[::-1], ids=ids)
    np.savez_compressed(folder / "packed.npz", x=values, y=values, ids=ids)
    save_file({"x": values, "y": values.astype(np.float16)}, folder / "a.safetensors")
    torch.save({"x": torch.tensor(values), "y": [torch.tensor(values)]}, folder / "a.pt")
    torch.save(torch.tensor(values), folder / "old.pt", _use_new_zipfile_serialization=False)
    savemat(folder / "a.mat", {"x": values, "names": list(ids)})
    savemat(folder / "old.mat", {"x": values}, format="4")
    savemat(folder / "packed.mat", {"x": values, "s": {"y": values}}, do_compression=True)
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"], file["group/y"] = values, values
        file.create_dataset("packed", data=values, compression="gzip")
    frame = pd.DataFrame(values, columns=["a", "b", "c"]).assign(id=ids)
    frame.to_parquet(folder / "a.parquet")
    frame.assign(v=list(values)).to_parquet(folder / "vectors.parquet", compression="gzip")
    np.savetxt(folder / "features.txt", values)
    return sorted(file for file in folder.iterdir() if file.is_file())


def _read_arrays(_: Path, file: Path) -> None:
    from alignkit.metrics.arrays import read_arrays

    for representation in read_arrays(file):
        _ = representation.values.shape, representation.ids


TABLES = {
    "plain.csv": "id,x,y\n" + "".join(f"s{i},{i}.5,{i * i}\n" for i in range(ROWS)),
    "semicolons.csv": 'name;x;y\n"a;b";1,5;2\n"c ""d""";3,25;4\ne;5;6\n',
    "tabs.tsv": "id\tx\ty\na\t1\t2\nb\t3\t-4e5\n",
    "blanks.csv": "id   x    y\na    1.5  2\nb    2.5  3\n",
    "comments.csv": "# by a program\n\nid,x,y\na,1,true\nb,2,false\n",
    "runs.csv": "task,placement,seed,accuracy,cka,mknn\n"
    + "".join(f"t,p{i % 3},{i},0.{i}1,0.{9 - i},.{i}\n" for i in range(9)),
    "printed.csv": "x,y,r,n,p\na,b,.77***,40,<0.001\nb,c,−.31,40,.05\na,c,0.2,40,0.2\n",
}


def _tables(folder: Path) -> list[Path]:
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    (folder / "wide.csv").write_bytes(TABLES["plain.csv"].encode("utf-16"))
    return sorted(folder.iterdir())


def _read_table(_: Path, file: Path) -> None:
    from alignkit.cli.consistency import _published
    from alignkit.cli.correlate import _typed
    from alignkit.metrics.tables import read_samples
    from alignkit.tables import read_rows

    with _refused():
        read_samples(file)
    with _refused():
        _typed(file, "accuracy", None, {"unit": "placement", "control": ()})
    with _refused():
        list(read_rows(file, 2, "\t", quotes=False))
    _published(file, 3)


def _pictures(folder: Path) -> list[Path]:
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 4)).astype(np.uint8)
    colour, clear = Image.fromarray(pixels[..., :3]), Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    colour.save(folder / "a.jpg", exif=exif)
    colour.save(folder / "b.jpg", progressive=True)
    colour.convert("CMYK").save(folder / "c.jpg")
    clear.save(folder / "a.png")
    colour.convert("P").save(folder / "b.png", transparency=0)
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(folder / "c.png")
    clear.save(folder / "a.webp")
    colour.save(folder / "b.webp", lossless=True)
    colour.save(folder / "a.gif", save_all=True, append_images=[clear.convert("RGB")])
    colour.save(folder / "a.bmp")
    return sorted(folder.iterdir())


def _read_picture(_: Path, file: Path) -> None:
    from alignkit.data.pictures import fault_of, open_picture

    fault_of(file)
    open_picture(file)


def _run(folder: Path) -> list[Path]:
    """One trained, extracted and measured run, whose files the executions damage."""
    from alignkit.cli.main import main

    path = train_tiny(folder / "runs").path
    for words in (
        ("evaluate",),
        ("measure", "--metric", "cka", "--layers", "all"),
        ("measure", "--metric", "mknn:k=5", "--layers", "max"),
    ):
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.suppress(SystemExit),
        ):
            sys.argv = ["alignkit", *words]
            main()
    tables = sorted(path.glob("alignment/*/*.csv")) + sorted(path.glob("alignment/*/*/*.csv"))
    inside = path / "representations" / "test"
    files = [
        *(path / name for name in ("config.json", "performance.json", "train.json")),
        *(path / name for name in ("data.json", "history.csv", "alignment.csv")),
        *(inside / "index.json", inside / "ids.json", inside / "samples.csv"),
        *(next(inside.glob("*.npy")), tables[0], tables[0].with_suffix(".json"), tables[-1]),
    ]
    for file in [*path.rglob("*.json")]:  # with their checksums, no damage would get far
        content = json.loads(file.read_text())
        if isinstance(content, dict) and content.pop("checksum", None):
            content.pop("format", None)
            file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return [file for file in files if file.is_file()]


def _read_run(folder: Path, file: Path) -> None:
    from alignkit.alignment.table import read_alignment
    from alignkit.data.facts import sample_fact
    from alignkit.runs import Run, load_runs
    from alignkit.runs.config import config_from_json
    from alignkit.runs.verify import verify_run
    from alignkit.studies.records import _record

    path = next(each for each in file.parents if each.name.startswith("seed"))
    load_runs_of = folder / "runs"
    with _refused():
        load_runs(load_runs_of, on_damaged=lambda run, error: None)
    run = Run(path)
    for ask in (
        lambda: config_from_json(run.stored),
        lambda: run.config,
        run.history,
        run.alignment,
        run.performance,
        lambda: run.number_of_samples("test"),
        lambda: run.representation("t00", "test"),
        lambda: sample_fact(run, "test", "label"),
        lambda: [read_alignment(table) for table in sorted(path.rglob("alignment/**/*.csv"))],
        lambda: list(verify_run(run)),
        lambda: _record(file) if file.suffix == ".json" else None,
    ):
        with _refused():
            ask()


def _storages(folder: Path) -> list[Path]:
    import optuna

    from alignkit.search.storage import open_storage, parse_url, silence_optuna

    silence_optuna()
    for address in ("sqlite:///a.db", "journal:///a.log"):
        with contextlib.chdir(folder):
            storage = open_storage(parse_url(address), 60)
            study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
            if address.startswith("sqlite"):
                storage.remove_session()
                storage.engine.dispose()
    return [folder / "a.db", folder / "a.log", folder / "a.log"]


def _read_storage(_: Path, file: Path) -> None:
    from alignkit.search.journal import lock_of, repair
    from alignkit.search.read import list_of_studies, read_study, reading

    address = f"{'sqlite' if file.suffix == '.db' else 'journal'}:///{file}"
    notes: list[str] = []
    with _refused(), reading(address, notes) as storage:
        list_of_studies(storage)
        for trial in read_study(storage, address, "s").trials:
            _ = trial.values, trial.params
    if file.suffix == ".log":
        repair(file, lock_of(file))


def _addresses(folder: Path) -> list[Path]:
    texts = (
        *("sqlite:///a.db", "journal:///a.log", "sqlite:////x/a.db?mode=ro"),
        "postgresql://user:secret@host:5432/name?sslmode=require",
    )
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return sorted(folder.iterdir())


def _read_address(_: Path, file: Path) -> None:
    from alignkit.search.storage import parse_url

    text = file.read_bytes().decode(errors="replace")
    str(parse_url(text))


def _packs(folder: Path) -> list[Path]:
    from alignkit.runs.packs import export_runs

    run = train_tiny(folder / "runs")
    for name in ("a.tar", "a.tar.gz"):
        export_runs([run], folder / "runs", folder / name)
    return [folder / "a.tar", folder / "a.tar.gz"]


def _read_pack(folder: Path, file: Path) -> None:
    from alignkit.runs.packs import import_runs

    root = folder / "imported"
    try:
        import_runs(file, root, lambda text: None)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    outside = {each.name for each in folder.parent.iterdir()} - {folder.name}
    assert not {"evil", "tmp"} & outside, f"something was written outside: {outside}"


def _data(folder: Path) -> list[Path]:
    """Data sets of strangers: pictures with texts and labels, in all forms."""
    import pandas as pd

    _pictures(folder)
    (folder / "train").mkdir()
    files = []
    rows = [
        {"id": f"s{i}", "image": "a.png", "text": f"text {i}", "label": f"l{i % 2}", "split": part}
        for i, part in enumerate(("train", "train", "validation", "test"))
    ]
    for name in ("csv", "jsonl", "parquet"):
        place = folder / name
        place.mkdir()
        shutil.copy(folder / "a.png", place)
        file = place / f"metadata.{name}"
        if name == "csv":
            pd.DataFrame(rows).to_csv(file, index=False)
        elif name == "parquet":
            pd.DataFrame(rows).to_parquet(file)
        else:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append(file)
    memes = folder / "memes"
    (memes / "img").mkdir(parents=True)
    shutil.copy(folder / "a.png", memes / "img" / "00001.png")
    for part in ("train", "dev", "test"):
        row = {"id": 1, "img": "img/00001.png", "label": 0, "text": "a"}
        (memes / f"{part}.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"id": 2}))
    captions = folder / "captions"
    captions.mkdir()
    with tarfile.open(captions / "cc3m-train-0000.tar", "w") as archive:
        for name, content in (
            *(("0.jpg", (folder / "a.jpg").read_bytes()), ("0.txt", b"a bus")),
            *(("1.jpg", (folder / "b.jpg").read_bytes()), ("1.json", b'{"caption": "b"}')),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    shutil.copy(captions / "cc3m-train-0000.tar", captions / "cc3m-validation-0000.tar")
    return [*files, memes / "train.jsonl", captions / "cc3m-train-0000.tar"]


def _read_data(_: Path, file: Path) -> None:
    from alignkit.runs.config import choose_task

    place = file.parent
    spec = {"memes": "hateful_memes", "captions": "conceptual_captions"}.get(place.name)
    task = choose_task(spec or f"folder:{place}", str(place) if spec else None).make()
    with _refused():
        task.fingerprint()
    split = task.split("train")
    for number, _ in enumerate(split.texts):
        split.image(number)


def _models(folder: Path) -> list[Path]:
    """Folders of models: transformers, sentence-transformers, timm."""
    from named_models import text_folder, vision_folder

    text = text_folder(folder / "text")
    sentence = folder / "sentence"
    shutil.copytree(text, sentence)
    (sentence / "modules.json").write_text(
        json.dumps(
            [
                {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "x.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Dense", "type": "x.models.Dense"},
            ]
        )
    )
    (sentence / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    (sentence / "1_Pooling").mkdir()
    (sentence / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (sentence / "2_Dense").mkdir()
    (sentence / "2_Dense" / "config.json").write_text(
        '{"in_features": 16, "out_features": 4, "bias": true, '
        '"activation_function": "torch.nn.modules.activation.Tanh"}'
    )
    import torch
    from safetensors.torch import save_file

    save_file(
        {"linear.weight": torch.zeros(4, 16), "linear.bias": torch.zeros(4)},
        sentence / "2_Dense" / "model.safetensors",
    )
    vision = vision_folder(folder / "vision")
    names = ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json")
    return [
        *(text / name for name in ("config.json", "tokenizer_config.json", "vocab.txt")),
        *(sentence / name for name in (*names, "2_Dense/config.json")),
        *(sentence / "2_Dense/model.safetensors", vision / "config.json"),
        *(text / "model.safetensors", vision / "model.safetensors"),
    ]


def _read_model(folder: Path, file: Path) -> None:
    import torch

    from alignkit.runs.config import choose

    place = folder / file.relative_to(folder).parts[0]
    kind = "timm" if place.name == "vision" else "hf"
    encoder = choose("encoders", f"{kind}:{place}").make()
    _ = encoder.identity()
    with torch.no_grad():
        _ = encoder.sites()


@contextlib.contextmanager
def _refused():
    """Go on with the next reader after an error of alignkit's own, and keep what it says."""
    from alignkit.errors import AlignkitError

    try:
        yield
    except AlignkitError as error:
        REFUSALS.append(str(error))


SUBJECTS = (
    Subject("documents", _documents, _read_document, 8),
    Subject("study files", _study, _read_study, 6),
    Subject("study plans", _study, _plan_study, 1),
    Subject("arrays", _arrays, _read_arrays, 12),
    Subject("tables", _tables, _read_table, 8),
    Subject("pictures", _pictures, _read_picture, 8),
    Subject("runs", _run, _read_run, 4),
    Subject("storages", _storages, _read_storage, 1),
    Subject("addresses of storages", _addresses, _read_address, 3),
    Subject("packs", _packs, _read_pack, 3),
    Subject("data", _data, _read_data, 3),
    Subject("models", _models, _read_model, 2),
)
