"""JPEGs that lost data in their middle, for which Pillow fills in grey without a word."""

from __future__ import annotations

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

END = b"\xff\xd9"
# The decoder looks this many bytes ahead of what it needs, at most.
AHEAD = bytes(16)
# Fewer bytes in the last row could be there by chance.
LEAST_ROW = 8


class WholeJpeg(JpegImageFile):
    """A JPEG whose data must last until its last row.

    The decoder gets all data before the end marker, and only then the marker. A picture that is
    whole has its last row by then; of one whose data are too few for its rows the decoder would
    make up the rest once it sees the marker. What cannot be told in this way: the loss of a few
    bytes after which the data still last, a loss between restart markers, which make the decoder
    go on at the right place, and progressive pictures, which have all rows from their first scan.
    """

    _unread: list[bytes] | None = None
    _awaited: bytes | None = None  # the last row before anything was decoded

    def load_prepare(self) -> None:
        """Make the picture, and put a pattern into its last row."""
        super().load_prepare()
        width, height = self.size
        size = width * len(self.getbands())
        if size < LEAST_ROW or self.info.get("progressive"):
            return
        pattern = bytes((37 * i + i // 7 + 101) % 256 for i in range(size))
        row = Image.frombytes(self.mode, (width, 1), pattern)
        self.im.paste(row.im, (0, height - 1, width, height))
        self._awaited = self._last_row()

    def load_read(self, read_bytes: int) -> bytes:
        """Return the data before the end marker, then the marker with what follows."""
        if self._awaited is None:
            return super().load_read(read_bytes)
        if self._unread is None:
            assert self.fp is not None
            data = self.fp.read()
            end = data.rfind(END)
            self._unread = [data] if end < 1 else [data[:end] + AHEAD, data[end:]]
        elif self._unread and self._last_row() == self._awaited:
            raise OSError("data are missing in its middle")
        return self._unread.pop(0) if self._unread else b""

    def _last_row(self) -> bytes:
        width, height = self.size
        row = Image.new(self.mode, (width, 1))
        row.im = self.im.crop((0, height - 1, width, height))
        return row.tobytes()
