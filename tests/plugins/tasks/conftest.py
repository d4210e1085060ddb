"""A tiny Hateful Memes folder in the format of the original, made on the spot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

PARTS = {
    "train": range(1000, 1008),
    "dev_seen": range(2000, 2008),
    "dev_unseen": range(2006, 2014),  # two are shared with dev_seen
    "test_seen": range(3000, 3008),
    "test_unseen": range(4000, 4008),
}


def meme(number: int, **changed: object) -> dict[str, object]:
    record = {
        "id": number,
        "img": f"img/{number:05d}.png",
        "label": number % 2,
        "text": f"look who is here {number // 2}",  # each text twice, with opposite labels
    }
    record.update(changed)
    return {key: value for key, value in record.items() if value is not ...}


def write_lines(path: Path, records: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def draw(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode, colour = {
        0: ("RGB", (200, number % 256, 40)),
        1: ("RGBA", (0, 0, 0, 0)),
        2: ("L", number % 256),
        3: ("P", 3),
    }[number % 4]
    Image.new(mode, (12, 8), colour).save(path)


def write_memes(root: Path) -> Path:
    for part, numbers in PARTS.items():
        write_lines(root / f"{part}.jsonl", [meme(number) for number in numbers])
        for number in numbers:
            draw(root / f"img/{number:05d}.png", number)
    return root


@pytest.fixture(scope="session", name="write_memes")
def _write_memes() -> Callable[[Path], Path]:
    return write_memes


@pytest.fixture
def memes(tmp_path: Path) -> Path:
    return write_memes(tmp_path / "hateful_memes")


@pytest.fixture
def rewrite(memes: Path) -> Callable[..., None]:
    """Change records of a part by number: ``rewrite("train", {1003: {"label": ...}})``."""

    def change(part: str, changes: dict[int, dict[str, object]]) -> None:
        records = [meme(number, **changes.get(number, {})) for number in PARTS[part]]
        write_lines(memes / f"{part}.jsonl", records)

    return change
