"""MM-IMDb: predict the genres of a movie from its poster and its plot.

Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017 (arXiv:1702.01992).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_tasks.folders import read_layout
from alignkit_tasks.genres import GENRES, spelled_as_published
from alignkit_tasks.mm_imdb_layouts import LAYOUTS, Movie, Movies
from alignkit_tasks.records import Record, RecordedTask, one_hot
from alignkit_tasks.splits import held_out, study_split

NAME = "mm_imdb"
PUBLISHED = {"train": 15552, "validation": 2608, "test": 7799}
_PART = {"train": "train", "validation": "dev", "test": "test"}


@dataclass(frozen=True)
class MmImdb(RecordedTask):
    """Multi-label classification of movies into 23 genres, scored by macro and micro F1.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; by default ``$ALIGNKIT_DATA/mm_imdb``.
    splits : str
        ``official``; ``stratified`` holds out a fraction of train and dev by a hash of the
        ids, stratified by each movie's rarest genre; ``study`` repeats the study's random
        80/20 split of its own copy. The test split is always the official one.
    text : str
        Which text of a movie to use: its ``longest`` plot; the ``first`` plot; the ``outline``
        (the longest plot if it has none); ``title``, followed by the longest plot; or ``all``,
        where in training every plot is a separate sample, and otherwise the longest is used.
    genres : str
        What to do about genres other than the 23, such as News: ``ignore`` drops the genre but
        keeps the movie, ``skip`` leaves out the movie, ``error`` stops.
    images : str
        What to do if a poster is missing or broken: ``error`` stops, ``skip`` leaves out the
        movie, ``blank`` shows a white picture.
    validation_share : float
        Fraction to hold out with ``splits=stratified``.
    data_seed : int
        Seed of ``splits=stratified``.
    """

    root: Path | None = None
    splits: str = "official"
    text: str = "longest"
    genres: str = "ignore"
    images: str = "error"
    validation_share: float = 0.2
    data_seed: int = 0

    name: ClassVar[str] = NAME
    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "splits": ("official", "stratified", "study"),
        "text": ("longest", "first", "outline", "title", "all"),
        "genres": ("ignore", "skip", "error"),
    }

    @property
    def target(self) -> alignkit.MultiLabel:
        """The 23 genres, by descending frequency."""
        return alignkit.MultiLabel(GENRES)

    @property
    def published(self) -> dict[str, int]:
        """Numbers of movies in the official splits; only their sums for other splits."""
        if self.splits == "official":
            return {**PUBLISHED, "labels": len(GENRES)}
        both = PUBLISHED["train"] + PUBLISHED["validation"]
        return {"train+validation": both, "test": PUBLISHED["test"], "labels": len(GENRES)}

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Return the movies of a split with the texts and genres selected by the options."""
        movies = _with_known_genres(self._movies(split), self.genres, notes)
        return [record for movie in movies for record in self._samples(movie, split, notes)]

    def all_records(self, split: str) -> list[Record]:
        """Return every movie of a split with its longest plot."""
        return [
            _record(movie, _longest(movie), movie.id, _known(movie.genres))
            for movie in self._movies(split)
        ]

    def encode(self, records: Sequence[Record]) -> np.ndarray:
        """Return zeros and ones, ``(n, 23)``: one column for each genre."""
        return one_hot(records, GENRES)

    def _movies(self, split: str) -> Sequence[Movie]:
        folder, parts = read_layout(NAME, self.root, LAYOUTS)
        if self.splits == "study":
            return _as_the_study(parts, split, folder)
        if self.splits == "official" or split == "test":
            if _PART[split] not in parts:
                raise alignkit.DataError(
                    f"{NAME}: {folder} (the study's copy) has no official dev split; use "
                    f"`task={NAME}:splits=study` or splits=stratified"
                )
            return parts[_PART[split]]
        movies = [movie for part in parts if part != "test" for movie in parts[part]]
        rarest = [min(_known(m.genres) or ("",), key=_rarity) for m in movies]
        held = held_out([m.id for m in movies], rarest, self.validation_share, self.data_seed)
        return [m for m in movies if (m.id in held) == (split == "validation")]

    def _samples(self, movie: Movie, split: str, notes: Counter[str]) -> list[Record]:
        genres = _known(movie.genres)
        if self.text == "all" and split == "train" and len(movie.plots) > 1:
            return [
                _record(movie, plot, f"{movie.id}-{i}", genres)
                for i, plot in enumerate(movie.plots)
            ]
        return [_record(movie, self._text_of(movie, notes), movie.id, genres)]

    def _text_of(self, movie: Movie, notes: Counter[str]) -> str:
        longest = _longest(movie)
        if not longest:
            notes["without a plot, with an empty text"] += 1
        if self.text == "first":
            return movie.plots[0] if movie.plots else ""
        if self.text == "title":
            return f"{movie.title}. {longest}" if movie.title else longest
        if self.text == "outline":
            if not movie.outline:
                notes["without outline, with the longest plot"] += 1
            return movie.outline or longest
        return longest


def _with_known_genres(movies: Sequence[Movie], policy: str, notes: Counter[str]) -> list[Movie]:
    kept = []
    for movie in movies:
        genres = spelled_as_published(movie.genres or ())
        other = [genre for genre in genres if genre not in GENRES]
        if other and policy == "error":
            raise alignkit.DataError(
                f"{movie.where}: genre {other[0]!r} of movie {movie.id} is not one of the "
                f"{len(GENRES)}; use `task={NAME}:genres=ignore` or genres=skip"
            )
        if other and policy == "skip":
            notes["with a genre outside the 23, left out"] += 1
            continue
        notes["with a genre in another spelling, which is matched"] += set(genres) != set(
            movie.genres or ()
        )
        notes["with a genre outside the 23, which is ignored"] += bool(other)
        notes["without any genre of the 23"] += movie.genres is not None and not _known(
            movie.genres
        )
        kept.append(movie)
    _require_genres(movies, kept)
    for note in [note for note, count in notes.items() if not count]:
        del notes[note]
    return kept


def _require_genres(movies: Sequence[Movie], kept: Sequence[Movie]) -> None:
    """Refuse annotations in which no movie has any of the genres: every target would be 0."""
    labelled = [movie for movie in movies if movie.genres is not None]
    if labelled and not any(_known(movie.genres) for movie in kept):
        first = next((movie for movie in labelled if movie.genres), labelled[0])
        raise alignkit.DataError(
            f"{first.where}: none of {len(movies)} movies that can be used has any of the "
            f"{len(GENRES)} genres; movie {first.id} has {', '.join(first.genres or ()) or 'none'}"
            "; expected names such as Drama, Sci-Fi and Film-Noir"
        )


def _as_the_study(parts: Movies, split: str, folder: Path) -> Sequence[Movie]:
    if "trainval" not in parts:
        raise alignkit.UsageError(
            f"{NAME}: splits=study shuffles the study's own mmimdb_trainval.csv, which "
            f"{folder} does not hold; use splits=official or splits=stratified"
        )
    if split == "test":
        return parts["test"]
    return study_split(parts["trainval"], split)


def _record(movie: Movie, text: str, identity: str, genres: tuple[str, ...] | None) -> Record:
    return Record(identity, text, movie.poster, genres, movie.where, {"movie": movie.id})


def _longest(movie: Movie) -> str:
    return max(movie.plots, key=len, default="")


def _known(genres: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if genres is None:
        return None
    return tuple(genre for genre in spelled_as_published(genres) if genre in GENRES)


def _rarity(genre: str) -> int:
    """Return a key that sorts the rarest genre first, and unknown ones last."""
    return -GENRES.index(genre) if genre in GENRES else 1
