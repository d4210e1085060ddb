"""What other systems leave among one's files, and archives as they write them."""

import io
import tarfile
from pathlib import Path

from odd_pictures import apple_double

LEFTOVERS = (
    "._a.csv",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "__MACOSX/a.csv",
    "__MACOSX/._a.csv",
    ".ipynb_checkpoints/a-checkpoint.csv",
    "@eaDir/a.csv",
    ".~lock.a.csv#",
)


def sprinkle(root: Path) -> Path:
    """Leave a companion beside every file, and what file managers leave in every folder."""
    files = [path for path in root.rglob("*") if path.is_file()]
    for file in files:
        (file.parent / f"._{file.name}").write_bytes(apple_double())
        beside = root / "__MACOSX" / file.relative_to(root).parent
        beside.mkdir(parents=True, exist_ok=True)
        (beside / f"._{file.name}").write_bytes(apple_double())
    for folder in {file.parent for file in files}:
        for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"\0\0\0\1Bud1")
        checkpoints = folder / ".ipynb_checkpoints"
        checkpoints.mkdir(exist_ok=True)
        for file in files:
            if file.parent == folder:
                copy = checkpoints / f"{file.stem}-checkpoint{file.suffix}"
                copy.write_bytes(file.read_bytes())
    return root


def rewrite_tar(
    path: Path,
    rename=lambda name: name,
    companions: bool = False,
    change=lambda _name, content: content,
) -> None:
    """Write a tar archive again with other names or contents, and macOS's companions if wanted."""
    with tarfile.open(path) as archive:
        members = [(info.name, archive.extractfile(info).read()) for info in archive]
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            folder, slash, last = name.rpartition("/")
            extra = [(f"{folder}{slash}._{last}", apple_double())] if companions else []
            beside = [(f"__MACOSX/{folder}{slash}._{last}", apple_double())] if companions else []
            for each, body in (*extra, (rename(name), change(name, content)), *beside):
                info = tarfile.TarInfo(each)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
