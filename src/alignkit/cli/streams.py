"""The standard streams as one finds them: closed, no longer read, or unable to say a name."""

import codecs
import errno
import io
import os
import sys

NAMES = ("stdin", "stdout", "stderr")
# Nobody reads any more: the reader has ended, or the terminal was closed.
GONE = (errno.EPIPE, errno.EIO)
ESCAPED = "alignkit.escaped"
# Python reads bytes of a file's name that are not UTF-8 as these characters.
_BYTES = range(0xDC80, 0xDD00)


def prepare() -> None:
    """Make every stream usable, whatever the shell has made of it.

    A stream that is closed goes to ``os.devnull``: otherwise the next file to be opened would
    take its place and receive what is printed. Where nobody reads any more, work goes on, as its
    results are in files. What cannot be encoded is escaped.
    """
    codecs.register_error(ESCAPED, _escape)
    for name in NAMES:
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8", closefd=False))
    for name in NAMES[1:]:
        stream = getattr(sys, name)
        # Anything else was put there by a program that uses this one, such as a notebook.
        if isinstance(stream, io.TextIOWrapper) and isinstance(_raw(stream), io.FileIO):
            setattr(sys, name, _patient(stream))


def finish(code: int) -> int:
    """Write what is still to be written; return the exit code, 1 if that was impossible."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout.fileno())
        if not code:  # otherwise the error has been said, which may be this one
            print(f"Error: the output cannot be written: {error.strerror}", file=sys.stderr)
            code = 1
    sys.stderr.flush()
    return code


class _Patient(io.FileIO):
    """A file that takes everything: what nobody reads, and on stderr what fails otherwise."""

    def write(self, content: object) -> int:
        try:
            return super().write(content)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno not in GONE and self.fileno() != 2:
                raise
            _silence(self.fileno())
            return memoryview(content).nbytes  # type: ignore[arg-type]


def _raw(stream: io.TextIOWrapper) -> object:
    return getattr(stream.buffer, "raw", stream.buffer)


def _patient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw, terminal = _Patient(stream.fileno(), "w", closefd=False), stream.isatty()
    buffered = isinstance(stream.buffer, io.BufferedWriter)  # unless PYTHONUNBUFFERED is set
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if buffered else raw,
        stream.encoding if terminal else "utf-8",
        ESCAPED,
        line_buffering=terminal or stream.fileno() == 2,
        write_through=not buffered,
    )


def _silence(handle: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, handle)
    os.close(null)


def _escape(error: UnicodeError) -> tuple[bytes, int]:
    r"""Return what stands for characters that cannot be encoded: bytes as in ``caf\xe9``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if all(ord(each) in _BYTES for each in text):
        text = text.encode("ascii", "surrogateescape").decode("utf-8", "backslashreplace")
    if error.encoding != "utf-8" or not text.isprintable():
        text = text.encode("ascii", "backslashreplace").decode()
    return text.encode(error.encoding), error.end
