"""Three dishes in every form in which UPMC Food-101 is passed on."""

import csv
import json
from pathlib import Path

from PIL import Image

CLASSES = ("apple_pie", "cup_cakes", "tacos")
TRAIN = [f"{name}_{number}" for name in CLASSES for number in (0, 1, 3, 7, 12, 986)]
TEST = [f"{name}_{number}" for name in CLASSES for number in (2, 4)]
TITLES = {
    "apple_pie_0": "Casa de Luna Creations: Apple Pie, from Scratch",
    "apple_pie_1": 'The "best" pie',
    "apple_pie_3": "Pie &amp; Cream",
    "apple_pie_7": '[["Wrapped pie"]]',
    "cup_cakes_0": "NA",
    "cup_cakes_1": "null",
    "tacos_0": "",
}


def title(stem: str) -> str:
    return TITLES.get(stem, f"Title of {stem}")


def class_of(stem: str) -> str:
    return stem.rpartition("_")[0]


def picture(path: Path, stem: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    red = 60 * CLASSES.index(class_of(stem)) + 40
    Image.new("RGB", (12, 8), (red, 90, 30)).save(path, "JPEG", quality=95)


def _pictures(root: Path) -> None:
    for part, stems in (("train", TRAIN), ("test", TEST)):
        for stem in stems:
            picture(root / f"images/{part}/{class_of(stem)}/{stem}.jpg", stem)


def titles(root: Path, place: str = "texts") -> Path:
    """As on Kaggle: no header, CRLF, quoted."""
    _pictures(root)
    (root / place).mkdir(parents=True, exist_ok=True)
    for part, stems in (("train", TRAIN), ("test", TEST)):
        with (root / place / f"{part}_titles.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([f"{s}.jpg", title(s), class_of(s)] for s in stems)
    return root


def nested(root: Path) -> Path:
    titles(root / "UPMC_Food101")
    return root


def pages(root: Path) -> Path:
    titles(root)
    for stem in (*TRAIN, *TEST):
        path = root / f"texts_txt/{class_of(stem)}/{stem}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"The whole page of {stem} \xe9".encode("latin-1"))
    (root / "texts_txt/tacos/tacos_1.txt").unlink()
    return root


def split_file(root: Path, with_titles: bool = True) -> Path:
    """As for the prompts that know of missing modalities: split.json, text.json."""
    if with_titles:
        titles(root)
    else:
        _pictures(root)
        texts = {f"{stem}.jpg": title(stem) for stem in (*TRAIN, *TEST)}
        (root / "text.json").write_text(json.dumps(texts))
        (root / "class_idx.json").write_text(
            json.dumps({"tacos": 0, "apple_pie": 1, "cup_cakes": 2})
        )
    listed = {
        "train": [f"{stem}.jpg" for stem in TRAIN if not stem.endswith("_7")],
        "val": [f"{stem}.jpg" for stem in TRAIN if stem.endswith("_7")],
        "test": [f"{stem}.jpg" for stem in TEST],
    }
    (root / "split.json").write_text(json.dumps(listed))
    return root


def jsonl(root: Path, key: str = "image") -> Path:
    _pictures(root)
    parts = {
        "train": [s for s in TRAIN if not s.endswith("_7")],
        "dev": [s for s in TRAIN if s.endswith("_7")],
        "test": TEST,
    }
    for part, stems in parts.items():
        where = "test" if part == "test" else "train"
        lines = [
            {
                "id": stem,
                "text": title(stem),
                "label": class_of(stem),
                key: f"images/{where}/{class_of(stem)}/{stem}.jpg",
            }
            for stem in stems
        ]
        (root / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def arrow(root: Path) -> Path:
    import pyarrow as pa

    root.mkdir(parents=True, exist_ok=True)
    parts = {
        "train": [s for s in TRAIN if not s.endswith("_7")],
        "val": [s for s in TRAIN if s.endswith("_7")],
        "test": TEST,
    }
    for part, stems in parts.items():
        rows = []
        for stem in stems:
            picture(root / "tmp.jpg", stem)
            rows.append(
                {
                    "image": (root / "tmp.jpg").read_bytes(),
                    "text": [title(stem)],
                    "label": 2 - CLASSES.index(class_of(stem)),
                    "image_id": f"{stem}.jpg",
                    "split": part,
                }
            )
        table = pa.Table.from_pylist(rows)
        with (
            pa.OSFile(str(root / f"food101_{part}.arrow"), "wb") as sink,
            pa.RecordBatchFileWriter(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    (root / "tmp.jpg").unlink()
    return root


def study(root: Path) -> Path:
    _pictures(root)
    for part, stems in (("trainval", TRAIN), ("test", TEST)):
        where = "test" if part == "test" else "train"
        with (root / f"upmcfood_{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image_path", "label", "class", "text"])
            for stem in stems:
                flags = str([int(name == class_of(stem)) for name in CLASSES])
                path = f"res/data/upmc_food/images/{where}/{class_of(stem)}/{stem}.jpg"
                writer.writerow([path, flags, class_of(stem), title(stem)])
    return root
