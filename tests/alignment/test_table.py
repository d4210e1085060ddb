"""Tables of alignment are parsed once, and again when their file has changed."""

import pytest

from alignkit.alignment.table import read_alignment
from alignkit.errors import DataError

COLUMNS = (
    "split,metric,parameters,pool,x,y,n,value,reason,chance,permutations,null_mean,p,calibrated"
)


def row(value, metric="cka"):
    return f"test,{metric},,cls,t0,v0,50,{value},,0.0,0,,,{value}"


def test_a_changed_file_is_read_anew(tmp_path):
    file = tmp_path / "cka.csv"
    file.write_text("\n".join([COLUMNS, row(0.25)]))
    first = read_alignment(file)
    first["value"] = 9.0  # what a caller does to its table stays there
    assert read_alignment(file)["value"].tolist() == [0.25]
    file.write_text("\n".join([COLUMNS, row(0.5), row(0.125)]))
    table = read_alignment(file)
    assert table["value"].tolist() == [0.5, 0.125]
    assert table["p"].isna().all(), "no number is NaN"
    assert (table["reason"] == "").all(), "no text is empty"
    assert table["version"].tolist() == [1, 1], "of a table older than the column"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["split,metric", "test,cka"], "lacks the column 'parameters'"),
        ([], "lacks the column 'split'"),
        ([COLUMNS, row("high")], "is damaged: could not convert"),
        ([COLUMNS, "test,cka,,cls"], "fewer values than there are columns"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, lines, message):
    file = tmp_path / "cka.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match=message):
        read_alignment(file)
