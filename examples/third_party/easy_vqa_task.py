"""A third-party task that reads files: easy-VQA, questions about pictures of one coloured shape.

5,000 pictures with 48,248 questions and 13 answers, by Victor Zhou (MIT licence). The package of
that name brings the data; any folder of the same form will do.

pip install easy-vqa
alignkit --plugin examples/third_party/easy_vqa_task.py train --task easy_vqa --placement late
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import alignkit
from alignkit.documents import read_bytes, read_json

EXPECTED = "train/ and test/, each with questions.json and images/0.png ..., and answers.txt"
# The package has no validation split: one in this many of its training pictures is held out, with
# all its questions, so that no picture is in two splits.
HELD_OUT = 10


class EasyVqa:
    """Answer a question about a picture: one of 13 words.

    Parameters
    ----------
    root : Path, optional
        The folder with the data; by default ``$ALIGNKIT_DATA/easy_vqa``, or else that of the
        installed package ``easy-vqa``.
    """

    positional = "root"

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    @property
    def target(self) -> alignkit.SingleLabel:
        """The answer, of those in ``answers.txt``."""
        return alignkit.SingleLabel(labels=tuple(self._answers()))

    def fingerprint(self) -> str:
        """Return a hash of the questions and answers; of pictures it knows names and sizes."""
        folder = self._folder()
        texts = ["answers.txt", "train/questions.json", "test/questions.json"]
        return alignkit.fingerprint_of(
            {
                "task": "easy_vqa",
                "version": 1,
                "texts": [sha256(read_bytes(folder / text)).hexdigest() for text in texts],
                "pictures": [
                    (picture.name, picture.stat().st_size)
                    for part in ("train", "test")
                    for picture in _pictures(folder / part)
                ],
            }
        )

    def content_digest(self, name: str) -> str:
        """Return a hash of what the pictures of a split hold."""
        digest = sha256()
        for picture in _pictures(self._part(name)):
            content = read_bytes(picture)
            digest.update(f"{picture.name} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    def split(self, name: str) -> alignkit.Split:
        """Return the questions of a split; ``picture`` is a fact of each, to group them by."""
        part = self._part(name)
        file, answers = part / "questions.json", self._answers()
        asked = _questions(file, answers)
        if name != "test":
            held_out = name == "validation"
            asked = [each for each in asked if (each[3] % HELD_OUT == 0) == held_out]
        there = {picture.name for picture in _pictures(part)}
        for place, _, _, number in asked:
            if f"{number}.png" not in there:
                raise alignkit.DataError(
                    f"{file}, question {place}: there is no picture {part / 'images'}/{number}.png"
                )
        return alignkit.Split(
            ids=[f"{part.name}-{place}" for place, *_ in asked],
            texts=[question for _, question, _, _ in asked],
            image=lambda i: alignkit.open_picture(part / "images" / f"{asked[i][3]}.png"),
            targets=np.array([answers.index(answer) for _, _, answer, _ in asked], dtype=np.int64),
            facts={"picture": [f"{part.name}-{number}" for *_, number in asked]},
        )

    def _folder(self) -> Path:
        folder = self._root or alignkit.default_root("easy_vqa")
        if folder is None:
            package = find_spec("easy_vqa")
            if package is None or package.origin is None:
                raise alignkit.MissingError(
                    "task 'easy_vqa' has no data: run pip install easy-vqa, or name a folder with "
                    "--data"
                )
            folder = Path(package.origin).parent / "data"
        if not (folder / "answers.txt").is_file():
            raise alignkit.MissingError(f"{folder} holds no easy-VQA; expected {EXPECTED}")
        return folder

    def _part(self, name: str) -> Path:
        return self._folder() / ("test" if name == "test" else "train")

    def _answers(self) -> list[str]:
        # The package lists them in an order of no meaning, which may differ between copies.
        return sorted(read_bytes(self._folder() / "answers.txt").decode().split())


def _pictures(part: Path) -> list[Path]:
    return sorted((part / "images").glob("*.png"))


def _questions(file: Path, answers: Sequence[str]) -> list[tuple[int, str, str, int]]:
    """Return the place, question, answer and number of the picture of every line."""
    asked = []
    for place, line in enumerate(read_json(file, [list])):
        match line:
            case [str(question), str(answer), int(number)] if answer in answers and number >= 0:
                asked.append((place, question, answer, number))
            case _:
                raise alignkit.DataError(
                    f"{file}, question {place}: expected [question, one of the answers in "
                    f"answers.txt, number of a picture], found {str(line)[:80]}"
                )
    return asked


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    register("easy_vqa", EasyVqa, summary="Questions about pictures of one shape, 13 answers")
