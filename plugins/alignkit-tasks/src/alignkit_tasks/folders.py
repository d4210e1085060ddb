"""Where a data set lies, and what is said when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import alignkit

VARIABLE = "ALIGNKIT_DATA"


def data_folder(task: str, root: Path | None, tree: str) -> Path:
    """Give the folder of a data set: the one named, else ``$ALIGNKIT_DATA/<task>``.

    Raises
    ------
    alignkit.DataError
        When there is no such folder; the message shows the expected tree.
    """
    if root is None and not os.environ.get(VARIABLE):
        raise alignkit.DataError(
            f"{task} needs its data: name the folder (--data FOLDER), or set {VARIABLE} to the "
            f"folder that holds {task}/\n{tree}"
        )
    folder = Path(os.environ[VARIABLE]) / task if root is None else Path(root)
    folder = folder.expanduser()
    if not folder.is_dir():
        raise alignkit.DataError(f"{task}: there is no folder {folder}\n{tree}")
    return folder


def first_that_exists(root: Path, places: tuple[str, ...], names: tuple[str, ...]) -> Path | None:
    """Find a file that mirrors of a data set keep in different places or call differently."""
    for name in names:
        for place in places:
            if (root / place / name).is_file():
                return root / place / name
    return None


def inside(name: str) -> str | None:
    """Normalise a relative path from an annotation; None when it leaves its folder.

    Only the text is looked at, so that a linked picture folder on another disk is fine.
    """
    path = os.path.normpath(name)
    leaves = os.path.isabs(path) or path == ".." or path.startswith(".." + os.sep)
    return None if leaves or path == "." or "\0" in name else path
