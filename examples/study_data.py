"""Write made-up data in the layouts of the study's four data sets, to try it without the real ones.

Every sample has a picture of noise and a few words that hint at its label. The layouts are those
in which the data sets are published, so that a study file finds the same paths and names:

    python examples/study_data.py data
    python examples/study_data.py data --train 24 --held-out 12 --seed 1
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

GENRES = ("Drama", "Comedy", "Romance", "Thriller")
DISHES = ("apple_pie", "cup_cakes", "tacos")
NOUNS = ("bus station", "kitchen", "mountain", "premiere", "river", "street")


class Samples:
    """Draws texts and pictures; every call gives others, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def text(self, label: str) -> str:
        """Return 3 to 12 words, of which one names the label."""
        words = self.rng.choice(NOUNS, int(self.rng.integers(2, 6)))
        return f"{label.replace('_', ' ').lower()} at the {' and the '.join(words)}"

    def picture(self, path: Path) -> None:
        """Write a picture of noise, 300 to 500 pixels wide and high."""
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = self.rng.integers(300, 500, 2)
        small = self.rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((int(width), int(height))).save(path)


def hateful_memes(root: Path, samples: Samples, train: int, held_out: int) -> None:
    """Write the layout of phase 2: JSON lines, and PNG pictures in ``img``."""
    number = 1000
    parts = ("train", "dev_seen", "dev_unseen", "test_seen", "test_unseen")
    for part in parts:
        lines = []
        for _ in range(train if part == "train" else -(-held_out // 2)):
            number += 1
            samples.picture(root / f"img/{number:05d}.png")
            text = samples.text(("kind", "mean")[number % 2])
            record = {"id": f"{number:05d}", "img": f"img/{number:05d}.png", "label": number % 2}
            lines.append(json.dumps(record | {"text": text}) + "\n")
        (root / f"{part}.jsonl").write_text("".join(lines))


def mm_imdb(root: Path, samples: Samples, train: int, held_out: int) -> None:
    """Write the original layout: ``split.json``, and a JSON file and a poster per movie."""
    number, listed = 0, {}
    for part, n in (("train", train), ("dev", held_out), ("test", held_out)):
        listed[part] = []
        for _ in range(n):
            number += 1
            name = f"{number:07d}"
            genres = [GENRES[number % len(GENRES)], GENRES[number % 3]]
            samples.picture(root / f"dataset/{name}.jpeg")
            plots = [samples.text(genres[0]), samples.text(f"{genres[0]} and {genres[1]}")]
            details = {"title": f"Film {number}", "plot": plots, "genres": sorted(set(genres))}
            (root / f"dataset/{name}.json").write_text(json.dumps(details, indent=4))
            listed[part].append(name)
    (root / "split.json").write_text(json.dumps(listed))


def upmc_food(root: Path, samples: Samples, train: int, held_out: int) -> None:
    """Write pictures by split and class, titles without a header, and the list of the splits."""
    (root / "texts").mkdir(parents=True)
    listed = {}
    for split, n in (("train", train), ("val", held_out), ("test", held_out)):
        part = "test" if split == "test" else "train"
        rows = []
        for number in range(n):
            dish = DISHES[number % len(DISHES)]
            name = f"{dish}_{number + (split == 'val') * train}.jpg"
            samples.picture(root / f"images/{part}/{dish}/{name}")
            rows.append([name, samples.text(dish), dish])
        with (root / f"texts/{part}_titles.csv").open("a", newline="") as file:
            csv.writer(file).writerows(rows)
        listed[split] = [name for name, _, _ in rows]
    (root / "split.json").write_text(json.dumps(listed))


def conceptual_captions(root: Path, samples: Samples, train: int, held_out: int) -> None:
    """Write the layout of the published lists: captions and addresses, pictures by their hash."""
    names = {"train": "Train_GCC-training.tsv", "dev": "Validation_GCC-1.1.0-Validation.tsv"}
    for part, n in (("train", train), ("dev", held_out)):
        lines = []
        for number in range(n):
            address = f"http://example.org/{part}/{number}.jpg"
            name = hashlib.sha256(address.encode()).hexdigest()[:32]
            samples.picture(root / f"images/{name}.jpg")
            lines.append(f"{samples.text('actor')}\t{address}\n")
        (root / names[part]).write_text("".join(lines))


def write(folder: Path, train: int, held_out: int, seed: int = 0) -> None:
    """Write all four data sets below a folder.

    Parameters
    ----------
    folder : Path
    train, held_out : int
        Number of training samples, and of samples in each other split, of every data set.
    seed : int
    """
    samples = Samples(seed)
    for make in (hateful_memes, mm_imdb, upmc_food, conceptual_captions):
        make(folder / make.__name__, samples, train, held_out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=48)
    parser.add_argument("--held-out", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.folder, given.train, given.held_out, given.seed)
