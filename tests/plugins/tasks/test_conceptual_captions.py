"""Conceptual Captions in every layout: pairs, no labels."""

import io
import tarfile

import captions
import pytest

import alignkit
from alignkit_tasks.conceptual_captions import ConceptualCaptions

LAYOUTS = {
    "tsv": captions.tsv,
    "tar txt": captions.tar,
    "tar json": lambda root: captions.tar(root, "json"),
    "parquet struct": captions.parquet,
    "parquet bytes": lambda root: captions.parquet(root, "bytes"),
    "parquet address": lambda root: captions.parquet(root, "address"),
    "arrow": lambda root: captions.parquet(root, "struct", "arrow"),
    "study": captions.study,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pairs(tmp_path, layout):
    task = ConceptualCaptions(LAYOUTS[layout](tmp_path / "cc"), shared="keep")
    for part, expected in captions.CAPTIONS.items():
        split = task.split(part)
        assert list(split.texts) == expected
        assert split.targets is None
        assert len(set(split.ids)) == len(expected)
        if layout != "study":
            for i in range(len(split)):
                assert abs(split.image(i).getpixel((4, 4))[0] - 40 * i) < 6


def test_it_is_for_pretraining_only(tmp_path):
    task = ConceptualCaptions(captions.tsv(tmp_path / "cc"))
    assert isinstance(task.target, alignkit.Pairs)
    assert (tuple(task.target.labels), task.target.n_outputs) == ((), 0)
    with pytest.raises(alignkit.DataError, match="for pretraining"):
        task.target.scores(None, None)
    with pytest.raises(alignkit.DataError, match="for pretraining"):
        task.target.loss(None, None)
    with pytest.raises(alignkit.UsageError, match=r"no test split, .*`split=validation`"):
        task.split("test")


def test_pairs_that_share_a_picture_by_accident_are_left_out(tmp_path):
    split = ConceptualCaptions(captions.study(tmp_path / "cc")).split("train")
    assert len(split) == 3
    assert split.notes == {"with a picture that has other captions too, left out": 2}


def test_dead_addresses_are_left_out_and_counted(tmp_path):
    root = captions.tsv(tmp_path / "cc")
    ids = ConceptualCaptions(root).split("train").ids
    (root / f"images/{ids[1]}.jpg").unlink()
    split = ConceptualCaptions(root).split("train")
    assert list(split.ids) == [ids[0], *ids[2:]]
    assert split.notes == {"picture missing, left out": 1}
    with pytest.raises(alignkit.DataError, match="1 missing"):
        ConceptualCaptions(root, images="error").split("train")


def test_a_url_that_is_listed_twice_is_used_once(tmp_path):
    root = captions.tsv(tmp_path / "cc")
    path = root / "Train_GCC-training.tsv"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    split = ConceptualCaptions(root).split("train")
    assert (len(split), split.notes) == (5, {"listed twice, taken once": 1})


def test_a_line_of_another_form_is_named(tmp_path):
    root = captions.tsv(tmp_path / "cc")
    with (root / "Train_GCC-training.tsv").open("a") as file:
        file.write("a caption without address\n")
    with pytest.raises(alignkit.DataError, match=r"training.tsv:6: 1 columns, expected 2"):
        ConceptualCaptions(root).split("train")


@pytest.mark.parametrize("layout", ["tsv", "tar txt"])
def test_validation_held_out_by_hash(tmp_path, layout):
    root = LAYOUTS[layout](tmp_path / "cc")
    for path in (*root.glob("*alidation*"),):
        path.unlink()
    with pytest.raises(alignkit.DataError, match=r"no validation pairs .*splits=hash"):
        ConceptualCaptions(root).split("validation")
    task = ConceptualCaptions(root, splits="hash", validation_share=0.4)
    train, validation = (set(task.split(name).ids) for name in ("train", "validation"))
    assert (len(train), len(validation)) == (3, 2)
    assert not train & validation


def test_a_limit_opens_no_more_shards_than_it_needs(tmp_path):
    root = captions.tar(tmp_path / "cc")
    (root / "cc3m-train-0002.tar").write_bytes(b"no archive")
    assert len(ConceptualCaptions(root, limit=3).split("train")) == 3
    with pytest.raises(alignkit.DataError, match="is not a complete tar archive"):
        ConceptualCaptions(root).split("train")
    with pytest.raises(alignkit.UsageError, match="limit=0"):
        ConceptualCaptions(limit=0)


@pytest.mark.parametrize("length", [900, 1536, 1700])  # in a member, between two, in a header
def test_a_truncated_shard_is_reported(tmp_path, length):
    root = captions.tar(tmp_path / "cc")
    path = root / "cc3m-train-0000.tar"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(alignkit.DataError, match="is not a complete tar archive"):
        ConceptualCaptions(root).split("train")


def test_names_in_an_archive_lead_nowhere(tmp_path):
    root = captions.tar(tmp_path / "cc")
    with tarfile.open(root / "cc3m-train-0009.tar", "w") as archive:
        link = tarfile.TarInfo("x.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in (("../../evil.jpg", captions.jpeg(0)), ("../../evil.txt", b"evil")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    split = ConceptualCaptions(root).split("train")
    assert split.texts[-1] == "evil"
    assert split.image(5).size == (10, 8)
    assert not list(tmp_path.rglob("evil*"))


def test_a_picture_without_caption_is_reported(tmp_path):
    root = captions.tar(tmp_path / "cc")
    with tarfile.open(root / "cc3m-train-0009.tar", "w") as archive:
        info = tarfile.TarInfo("000000077.jpg")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"1234"))
    with pytest.raises(alignkit.DataError, match=r"cc3m-train-0009.tar, 000000077: .*no caption"):
        ConceptualCaptions(root).split("train")


@pytest.mark.parametrize("layout", ["tsv", "tar txt", "parquet struct"])
def test_the_fingerprint_is_of_the_content(tmp_path, layout, monkeypatch):
    root = LAYOUTS[layout](tmp_path / "cc")
    first = ConceptualCaptions(root).fingerprint()
    assert ConceptualCaptions(LAYOUTS[layout](tmp_path / "other")).fingerprint() == first
    assert ConceptualCaptions(root, limit=2).fingerprint() != first
    changed = ["another caption", *captions.CAPTIONS["train"][1:]]
    monkeypatch.setitem(captions.CAPTIONS, "train", changed)
    assert ConceptualCaptions(LAYOUTS[layout](tmp_path / "changed")).fingerprint() != first


def test_an_unknown_folder_gets_one_line(tmp_path):
    with pytest.raises(alignkit.DataError) as caught:
        ConceptualCaptions(tmp_path).split("train")
    assert "\n" not in str(caught.value)
    assert "Train_GCC-training.tsv" in str(caught.value)
    assert str(caught.value).endswith("found: nothing")


def test_a_table_without_pictures_is_reported(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"caption": ["a"]}), tmp_path / "train.parquet")
    with pytest.raises(alignkit.DataError, match=r"neither pictures .* nor URLs"):
        ConceptualCaptions(tmp_path).split("train")


def test_what_is_published():
    assert ConceptualCaptions().published == {"train": 3318333, "validation": 15840}
    assert ConceptualCaptions(limit=500000).published["train"] == 500000
