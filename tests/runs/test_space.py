"""Arrays that are written plainly, and errors of the disk that name the file."""

import errno
import os

import numpy as np
import pytest
from safetensors import SafetensorError

from alignkit.errors import AlignkitError
from alignkit.runs.files import whole_file, whole_folder, write_json
from alignkit.runs.space import ArrayFile, DiskError, require_space, writing


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_an_array_is_the_same_file_as_a_memory_map(tmp_path, dtype):
    values = np.arange(60).reshape(5, 4, 3).astype(dtype)
    np.lib.format.open_memmap(tmp_path / "map.npy", "w+", dtype, values.shape)[:] = values
    file = ArrayFile(tmp_path / "file.npy", values.shape, dtype)
    for start, stop in ((3, 5), (0, 2), (2, 3)):
        file.put(start, values[start:stop])
    assert (tmp_path / "file.npy").read_bytes() == (tmp_path / "map.npy").read_bytes()


@pytest.mark.parametrize(("start", "shape"), [(4, (2, 3)), (0, (2, 4)), (0, (1, 2))])
def test_rows_that_do_not_fit_are_refused(tmp_path, start, shape):
    file = ArrayFile(tmp_path / "file.npy", (5, 3))
    with pytest.raises(ValueError, match="do not fit"):
        file.put(start, np.zeros(shape))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
def test_a_failing_disk_names_the_file(tmp_path, code):
    path = tmp_path / "a.json"
    said = f"cannot write {path}: {os.strerror(code)} .* free"
    with pytest.raises(DiskError, match=said) as met, whole_file(path):
        raise OSError(code, os.strerror(code))
    assert met.value.errno == code
    assert list(tmp_path.iterdir()) == []


def test_a_file_within_a_folder_is_named_by_the_folder_that_it_would_stand_in(tmp_path):
    path = tmp_path / "folder"
    with (
        pytest.raises(DiskError, match=f"cannot write {path}: No space"),
        whole_folder(path) as temporary,
        writing(temporary / "weights"),
    ):
        write_json(temporary / "a.json", 1)
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_what_a_library_in_another_language_says_is_understood(tmp_path):
    with pytest.raises(DiskError, match="No space left on device"), writing(tmp_path / "weights"):
        raise SafetensorError("I/O error: No space left on device (os error 28)")


def test_an_error_of_a_file_elsewhere_is_left_alone(tmp_path):
    with pytest.raises(OSError, match="No space") as met, writing(tmp_path / "a" / "b"):
        raise OSError(errno.ENOSPC, "No space left on device", "/elsewhere/c")
    assert not isinstance(met.value, AlignkitError)


def test_space_is_asked_for_where_the_folder_will_be(tmp_path):
    require_space(tmp_path / "not" / "yet", 0, "the results", "")
    with pytest.raises(AlignkitError, match=r"need about 1000000\.0 TB in .*yet, but only .* free"):
        require_space(tmp_path / "not" / "yet", 10**18, "the results", "remove some")
