"""What is no regular file where one is expected, and tables of any width."""

import os
import socket
from pathlib import Path

MEGABYTE = 1 << 20


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    # The name of a socket is short, and those of tests' folders are long.
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_hole(path: Path) -> None:
    """A file of 8 TB that takes no space."""
    with path.open("wb") as file:
        file.truncate(8 << 40)


PLACES = (a_pipe, a_socket, a_device, a_folder, a_link_to_itself, a_hole)


def _columns(count: int, separator: str = ",", rows: int = 2, cell: str = "1.5") -> bytes:
    names = separator.join(f"c{number}" for number in range(count))
    return "\n".join([names, *[separator.join([cell] * count)] * rows]).encode()


WIDE = {
    "200,000 columns": lambda: _columns(200_000),
    "200,000 columns between tabs": lambda: _columns(200_000, "\t"),
    "200,000 columns between blanks": lambda: _columns(200_000, " "),
    "200,000 commas": lambda: b"," * 200_000 + b"\n",
    "200,000 cells in quotes": lambda: b'"a",' * 200_000 + b"\n",
    "200,000 columns named in a comment": lambda: b"# " + _columns(200_000),
    "200,000 cells below two names": lambda: b"a,b\n" + b"1," * 200_000 + b"\n",
    "a line of 40 MB": lambda: b"a,b\n1,2\n" + b"x" * (40 * MEGABYTE) + b"\n",
    "a header of 40 MB": lambda: b"a" * (40 * MEGABYTE) + b",b\n1,2\n",
    "a quote that 20,000 lines do not close": lambda: b'a,b\n"1,2\n' + b'x""y,z\n' * 20_000,
    "separators that are a letter": lambda: b"sep=a\n" + b"a" * 200_000 + b"\n1\n",
    "50,000 equal names": lambda: b"a," * 50_000 + b"a\n" + b"1," * 50_000 + b"1\n",
    "20,000 columns of text": lambda: _columns(20_000, cell="x"),
    "UTF-32 that is cut": lambda: b"\xff\xfe\0\0a\0\0",
    "UTF-16 that is cut": lambda: "a,b\n1,2".encode("utf-16") + b"\xd8",
    "an archive": lambda: b"PK\x03\x04" + bytes(100),
    "ragged rows between carriage returns": lambda: b"a,b\r1\r2,3,4\r",
    "line ends only": lambda: b"\n" * 5_000_000,
    "a byte-order mark only": lambda: b"\xef\xbb\xbf",
}
