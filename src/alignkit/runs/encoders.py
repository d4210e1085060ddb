"""Folders of encoders: the representations of one frozen model on the data of one task."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from alignkit.documents import Form, check_form
from alignkit.errors import AlignkitError, UsageError
from alignkit.models.encoders import EncoderSite
from alignkit.progress import current_reporter
from alignkit.runs.listing import found
from alignkit.runs.manifests import read_checked
from alignkit.runs.representations import RepresentationStore

DEFAULT_ENCODERS = Path("encoders")
FILE = "encoder.json"
# What it must hold.
STORED: Form = {
    **dict.fromkeys(("label", "stream", "task", "fingerprint", "spec"), str),
    "sites": [{"name": str, "shape": list, "pools": [str], "refused": dict, "default": bool}],
}


@dataclass(frozen=True)
class EncoderRecord:
    """What identifies stored representations of an encoder: what computed them, and on what.

    Attributes
    ----------
    label : str
        A short name for people.
    stream : str
        ``text`` or ``vision``.
    identity : mapping
        From the encoder: hashes of weights and preprocessing, and options; no places.
    task, fingerprint : str
        The name of the task, and the hash of its data.
    spec : str
        How the encoder was asked for, to make it again.
    versions : mapping of str to str
        Of the packages that computed it; not part of the key.
    """

    label: str
    stream: str
    identity: Mapping[str, Any]
    task: str
    fingerprint: str
    spec: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Hash of what determines the representations: 8 hexadecimal digits."""
        content = {"stream": self.stream, "encoder": self.identity, "data": self.fingerprint}
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """The folder below the folder of encoders: ``emoji/all-MiniLM-L6-v2@1a2b3c4d``."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", self.label).strip("-.") or "encoder"
        return f"{self.task}/{plain[:80]}@{self.key}"


class EncoderStore(RepresentationStore):
    """The stored representations of one encoder on the data of one task."""

    @cached_property
    def stored(self) -> dict[str, Any]:
        """The content of ``encoder.json``."""
        content: dict[str, Any] = read_checked(self.path / FILE)
        check_form(content, STORED, str(self.path / FILE))
        return content

    @property
    def name(self) -> str:
        """The name of the folder, ``LABEL@KEY``, which tells encoders of one label apart."""
        return self.path.name

    @property
    def label(self) -> str:
        """A short name for people."""
        return str(self.stored["label"])

    @property
    def stream(self) -> str:
        """The stream that it encodes: ``text`` or ``vision``."""
        return str(self.stored["stream"])

    @property
    def task(self) -> str:
        """The name of the task whose data were encoded."""
        return str(self.stored["task"])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the data that were encoded."""
        return str(self.stored["fingerprint"])

    def beside(self, split: str) -> list[EncoderStore]:
        """Return other encoders on the same data whose representations of a split are stored."""
        stores = _readable(found(self.path.parent, f"*/{FILE}"), split)
        return [
            store
            for store in stores
            if store.path != self.path
            and store.fingerprint == self.fingerprint
            and store.representation_index(split) is not None
        ]

    def described_sites(self) -> list[EncoderSite]:
        """Return every site that the encoder offers; none if it was never stored."""
        if not (self.path / FILE).is_file():
            return []
        return [
            EncoderSite(
                site["name"],
                tuple(site["shape"]),
                tuple(site["pools"]),
                site["refused"],
                site["default"],
            )
            for site in self.stored["sites"]
        ]

    def sites(self, split: str) -> list[str]:
        """Return the stored sites of a split, in the order of the forward pass."""
        return list((self.representation_index(split) or {"sites": []})["sites"])

    def extract_command(self, split: str, pool: str, again: bool = False) -> str:
        """Return the command that extracts what is missing, or all ``again``, for messages."""
        of = ["--encoder", str(self.stored["spec"]), "--task", self.task]
        words = ["alignkit", "extract", *of, "--split", split]
        words += ["--pool", pool] if pool else []
        words += ["--force"] if again else []
        return " ".join(words)


def load_encoders(
    root: str | Path = DEFAULT_ENCODERS,
    patterns: Sequence[str] = (),
    task: Sequence[str] = (),
    split: str = "test",
) -> list[EncoderStore]:
    """Open the encoders whose representations of a split are stored, by task and name.

    Parameters
    ----------
    root : path
    patterns : sequence of str
        Globs over labels and names (``LABEL@KEY``); all encoders when empty.
    task : sequence of str
        Names of tasks; all when empty.
    split : str

    Raises
    ------
    UsageError
        When a pattern matches none.
    """
    stores = _readable(found(Path(root), f"*/*/{FILE}"), split)
    stores = [
        store
        for store in stores
        if (not task or store.task in task) and store.representation_index(split) is not None
    ]

    def matches(store: EncoderStore, pattern: str) -> bool:
        return any(fnmatchcase(text, pattern) for text in (store.label, store.name))

    for pattern in patterns or ("*",):
        if not any(matches(store, pattern) for store in stores):
            of = f" of {', '.join(task)}" if task else ""
            known = ", ".join(store.name for store in stores[:10]) or "none"
            raise UsageError(
                f"no stored encoder{of} on {split} under {root} matches '{pattern}'; stored: "
                f"{known}; store one with: alignkit extract --encoder SPEC --task TASK"
            )
    return [s for s in stores if any(matches(s, pattern) for pattern in patterns or ("*",))]


def _readable(files: Sequence[Path], split: str) -> list[EncoderStore]:
    """Return the encoders whose files can be read; name the others."""
    stores = []
    for store in (EncoderStore(file.parent) for file in files):
        try:
            _ = store.stored, store.representation_index(split)
        except AlignkitError as error:
            current_reporter().complain(f"{store.path} is left out: {error}")
        else:
            stores.append(store)
    return stores
