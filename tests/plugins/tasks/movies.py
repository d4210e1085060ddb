"""Eleven made-up movies in every form in which MM-IMDb is passed on."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from alignkit_tasks.mm_imdb_layouts import GENRES

PARTS = {"train": range(1, 8), "dev": range(8, 10), "test": range(10, 12)}
LONGEST = "a much longer plot, in which a great deal more happens than in the other one"


def details(number: int) -> dict:
    """One IMDbPY record: the keys that matter among those that do not."""
    record = {
        "title": f"Film {number}",
        "year": 1890 + number,
        "votes": 1335,
        "plot": [f"short plot {number}", f"{LONGEST} {number}", f"another {number}"],
        "plot outline": f"outline {number}",
        "genres": [GENRES[number % 3], GENRES[5]],
        "cover url": "http://example.org/cover.jpg",
    }
    match number:
        case 2:
            record["plot"] = [f"only plot {number}"]
        case 3:
            del record["plot outline"]
        case 4:
            record["genres"] = ["News", "Drama"]
        case 5:
            record["genres"] = ["Talk-Show"]
    return record


def identity(number: int) -> str:
    return f"{number:07d}"


def poster(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode, colour = [("RGB", (200, number, 40)), ("L", 77), ("CMYK", (0, 255, 255, 0))][number % 3]
    Image.new(mode, (9, 12), colour).save(path, "JPEG", quality=95)


def original(root: Path, details_in: str = "dataset", pictures_in: str = "dataset") -> Path:
    for numbers in PARTS.values():
        for number in numbers:
            path = root / details_in / f"{identity(number)}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(details(number), indent=4))
            poster(root / pictures_in / f"{identity(number)}.jpeg", number)
    listed = {part: [identity(number) for number in numbers] for part, numbers in PARTS.items()}
    (root / "split.json").write_text(json.dumps(listed))
    return root


def nested(root: Path) -> Path:
    original(root / "mmimdb")
    return root


def two_folders(root: Path) -> Path:
    return original(root, "labels", "images")


def _flags(number: int) -> list[int]:
    return [int(genre in details(number)["genres"]) for genre in GENRES]


def hdf5(root: Path, with_table: bool = True) -> Path:
    """The Fuel file: posters as int32 (n, 3, 256, 160), genres in another order, no texts."""
    import h5py

    numbers = [number for part in PARTS.values() for number in part]
    order = list(reversed(range(len(GENRES))))
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / "multimodal_imdb.hdf5", "w") as file:
        images = np.zeros((len(numbers), 3, 256, 160), dtype=np.int32)
        images[:, 0], images[:, 1] = 200, np.array(numbers)[:, None, None]
        file.create_dataset("images", data=images, chunks=(1, 3, 256, 160), compression=1)
        file["features"] = np.zeros((len(numbers), 300), dtype=np.float32)
        file["genres"] = np.array([[_flags(n)[i] for i in order] for n in numbers], dtype=np.int32)
        file["genres"].attrs["target_names"] = json.dumps([GENRES[i] for i in order])
        file["imdb_ids"] = np.array([identity(n) for n in numbers], dtype="S7")
        if with_table:
            rows, start = [], 0
            for part, movies in PARTS.items():
                rows.append((part, "images", start, start + len(movies), True, ""))
                start += len(movies)
            kind = np.dtype(
                [
                    ("split", "S5"),
                    ("source", "S14"),
                    ("start", "i8"),
                    ("stop", "i8"),
                    ("available", "?"),
                    ("comment", "S1"),
                ]
            )
            file.attrs["split"] = np.array(rows, dtype=kind)
    for number in numbers:
        path = root / "dataset" / f"{identity(number)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(details(number)))
    return root


def jsonl(root: Path, key: str = "image") -> Path:
    for part, numbers in PARTS.items():
        lines = []
        for number in numbers:
            name = f"dataset/{identity(number)}.jpeg"
            poster(root / name, number)
            lines.append(
                {
                    "id": identity(number),
                    "text": max(details(number)["plot"], key=len),
                    key: name,
                    "label": details(number)["genres"],
                }
            )
        (root / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def arrow(root: Path, suffix: str = "arrow", genres: bool = True, stream: bool = False) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part, numbers in PARTS.items():
        rows = []
        for number in numbers:
            poster(root / "tmp.jpeg", number)
            row = {
                "image": (root / "tmp.jpeg").read_bytes(),
                "plots": details(number)["plot"],
                "label": _flags(number),
                "image_id": identity(number),
                "split": part,
            }
            rows.append(row | ({"genres": details(number)["genres"]} if genres else {}))
        table = pa.Table.from_pylist(rows)
        path = root / f"mmimdb_{part}.{suffix}"
        if suffix == "parquet":
            pq.write_table(table, path, row_group_size=2)
            continue
        open_writer = pa.ipc.new_stream if stream else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, open_writer(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    (root / "tmp.jpeg").unlink()
    return root


def study(root: Path) -> Path:
    """The study's copy: posters in one array, flags as text, rows by number."""
    import h5py

    numbers = [number for part in PARTS.values() for number in part]
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / "images.h5", "w") as file:
        images = np.zeros((len(numbers), 3, 256, 160), dtype=np.int32)
        images[:, 0], images[:, 1] = 200, np.array(numbers)[:, None, None]
        file.create_dataset("images", data=images, chunks=(1, 3, 256, 160), compression=1)
    for name, chosen in (("trainval", numbers[:9]), ("test", numbers[9:])):
        lines = ["img_index,genre,caption"]
        for number in chosen:
            flags = str(_flags(number))
            text = max(details(number)["plot"], key=len)
            lines.append(f'{number - 1},"{flags}","{text}"')
        (root / f"mmimdb_{name}.csv").write_text("\n".join(lines) + "\n")
    return root
