"""What cannot be read, in every layout: one line that says what is wanted, before anything is written."""

import errno
import gzip
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from own_data import classes, csv, idx, keras, metadata_csv, splits, write_png
from own_data import parquet as whole_parquet

from mnistfaces.datasets import cache, load_dataset
from mnistfaces.datasets.layouts import rows
from mnistfaces.datasets.layouts.idx import read_idx
from mnistfaces.errors import DataError, MnistFacesError

Write = Callable[[Path], Path]
ONE = np.arange(784, dtype=np.uint8).reshape(28, 28)


def table(*lines: str, name: str = "mine.csv") -> Write:
    def write(folder: Path) -> Path:
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        return folder / name

    return write


def changed(make: Write, change: Callable[[Path], object]) -> Write:
    def write(folder: Path) -> Path:
        path = make(folder)
        change(path)
        return path

    return write


def metadata(*lines: str, name: str = "metadata.csv") -> Write:
    def write(folder: Path) -> Path:
        for number in range(3):
            write_png(folder / "mine" / "images" / f"{number}.png", np.roll(ONE, number))
        write_png(folder / "secret.png", ONE)
        (folder / "mine" / name).write_text("\n".join(lines), encoding="utf-8")
        return folder / "mine"

    return write


def npz(**arrays: object) -> Write:
    def write(folder: Path) -> Path:
        np.savez(folder / "mine.npz", **{name: np.asarray(array) for name, array in arrays.items()})
        return folder / "mine.npz"

    return write


def bomb(folder: Path) -> Path:
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2000000000,), }"
    with (
        zipfile.ZipFile(folder / "mine.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("X.npy", "w") as member,
    ):
        member.write(header.ljust(127) + b"\n")
        for _ in range(200):
            member.write(bytes(1_000_000))
    return folder / "mine.npz"


def mat(**arrays: object) -> Write:
    def write(folder: Path) -> Path:
        scipy.io.savemat(folder / "mine.mat", arrays)
        return folder / "mine.mat"

    return write


def parquet(**columns: object) -> Write:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "mine.parquet")
        return folder / "mine.parquet"

    return write


def one_class_more(path: Path) -> None:
    told = {"info": {"features": {"label": {"names": [f"digit{digit}" for digit in range(4)]}}}}
    pq.write_table(pq.read_table(path).replace_schema_metadata({"huggingface": json.dumps(told)}), path)


def no_test_labels(path: Path) -> None:
    members = dict(np.load(path))
    del members["y_test"]
    np.savez(path, **members)


NUL = "a\0b"
BAD: dict[str, tuple[Write, str]] = {
    "csv: no label": (table("a,b", "1,2"), "no column 'label'; it has a, b: name one with --label-column"),
    "csv: two labels": (table("label,label,a", "x,y,1"), "two columns 'label'"),
    "csv: no header": (table("7,0,0,255,9", "1,0,3,4,9"), "begins with a row of numbers: a header is wanted, such as "),
    "csv: ragged": (table("label,a", "x,1", "y,1,2"), "line 3: 3 values, the header has 2"),
    "csv: a word": (table("label,a", "x,1", "y,two"), "line 3: a is 'two', not a number"),
    "csv: not finite": (table("label,a", "x,1", "y,nan"), "line 3: a is 'nan'"),
    "csv: empty label": (table("label,a", "x,1", ",2"), "line 3: label is empty"),
    "csv: no numbers": (table("label,image", "x,1.png", "y,2.png"), "metadata.csv"),
    "csv: no rows": (table("label,a"), "no rows"),
    "csv: empty": (table(""), "empty"),
    "csv: NUL": (table("label,a", f"{NUL},1", "y,2"), "control character"),
    "csv: half a split": (table("label,a,split", "x,1,train", "y,2,"), "the split ''"),
    "csv: one class": (table("label,a", "x,1", "x,2"), "all 2 images are of the class x"),
    "csv: a name twice": (table("label,a,image", "x,1,i", "y,2,i"), "names 2 images 'i'"),
    "csv: no number there": (table("label,a,b", "x,1,2", "y,,3"), "line 3: a is empty: a number is wanted"),
    "csv: a blank number": (table("label,a", "x,1", "y, "), "line 3: a is empty"),
    "csv: a blank label": (table("label,a", "x,1", "  ,2"), "line 3: label is empty"),
    "csv: decimal commas": (table("label;a", "x;1.5", "y;1,5"), "line 3: a is '1,5': a decimal point is wanted"),
    "csv: semicolons below commas": (table("label,a", "x;1"), "line 2: 1 values, the header has 2"),
    "csv: not text": (
        changed(table("label,a"), lambda path: path.write_bytes(b"label,a\n\xff\xfe,1\n")),
        "cannot read",
    ),
    "csv.gz: cut off": (
        changed(lambda f: csv(f, "mine.csv.gz"), lambda p: p.write_bytes(p.read_bytes()[:900])),
        "cannot read",
    ),
    "npz: bomb": (bomb, "would unpack to 200000128 bytes"),
    "npz: labels without images": (npz(train_labels=[0, 1], test_images=np.zeros((2, 3, 3))), "no 'train_images'"),
    "npz: images without labels": (changed(keras, no_test_labels), "'x_test' and no 'y_test'"),
    "npz: nothing known": (npz(foo=[1, 2]), "it has the arrays foo (2,); wanted are `features` and `labels`"),
    "npz: more labels": (npz(X=np.zeros((2, 3)), y=[0, 1, 2]), "'X' is float64 (2, 3), 'y' is int64 (3,)"),
    "npz: two label columns": (npz(X=np.zeros((2, 3)), y=[[0, 1], [1, 0]]), "the labels have the shape (2, 2)"),
    "npz: bytes and fractions": (
        npz(x_train=np.zeros((2, 3), np.uint8), y_train=[0, 1], x_test=np.full((2, 3), 0.5), y_test=[0, 1]),
        "x_train and others: the parts hold floats and uint8: numbers of one type are wanted",
    ),
    "npz: bytes and pairs of them": (
        npz(x_train=np.zeros((2, 3), np.uint8), y_train=[0, 1], x_test=np.zeros((2, 3), np.uint16), y_test=[0, 1]),
        "the parts hold uint16 and uint8",
    ),
    "npz: words and numbers": (
        npz(x_train=np.zeros((2, 3)), y_train=[0, 1], x_test=np.zeros((2, 3)), y_test=["a", "b"]),
        "labels are words in one part and numbers in another",
    ),
    "npz: fractions": (npz(X=np.zeros((2, 3)), y=[0.5, 1]), "not whole"),
    "npz: not finite": (npz(X=[[1, np.inf], [0, 1]], y=[0, 1]), "not finite"),
    "npz: a million classes": (npz(X=np.zeros((10**6, 1)), y=np.arange(10**6)), "1000000 different labels"),
    "npz: objects": (changed(npz(), lambda p: np.savez(p, X=np.array([None, 1]), y=[0, 1])), "values of type '|O'"),
    "npz: no zip": (changed(npz(X=[1]), lambda path: path.write_bytes(b"hello")), "is damaged or not an .npz"),
    "mat: no y": (mat(X=np.zeros((3, 2))), "it has X; wanted are `X` and `y`"),
    "mat: other counts": (mat(X=np.zeros((3, 2)), y=np.zeros((5, 1))), "y has 5 labels, and neither"),
    "mat: a table of labels": (mat(X=np.zeros((3, 2)), y=np.zeros((3, 2))), "one label per image"),
    "mat: bytes and fractions": (
        mat(train0=np.zeros((2, 3), np.uint8), test0=np.full((2, 3), 0.5)),
        "floats and uint8",
    ),
    "mat: nothing to train on": (mat(test0=np.zeros((3, 4)), test1=np.zeros((3, 4))), "arrays train0, test0, "),
    "mat: words": (mat(X=np.zeros((3, 2)), y="abc"), "y is an array of <U3, not of numbers"),
    "idx: one of four": (changed(idx, lambda p: (p / "t10k-labels-idx1-ubyte.gz").unlink()), "no test labels"),
    "idx: longer": (
        changed(
            lambda f: idx(f, packed=False),
            lambda p: (p / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + bytes(99)),
        ),
        "has more than 8 of 8 bytes",
    ),
    "idx: huge": (
        changed(
            lambda f: idx(f, packed=False),
            lambda p: (p / "train-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, 2**31, 2**31, 2**31)),
        ),
        "more than 4294967296",
    ),
    "idx: not gzip": (
        changed(idx, lambda p: (p / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b rubbish")),
        "is damaged",
    ),
    "parquet: no image": (parquet(picture=[b"x"], label=[1]), "no column 'image'; it has picture, label"),
    "parquet: paths": (parquet(image=["a.png", "b.png"], label=[0, 1]), "row 0: image holds no bytes"),
    "parquet: empty label": (parquet(image=[b"x", b"y"], label=[0, None]), "row 1: label is empty"),
    "parquet: a class of no image": (changed(whole_parquet, one_class_more), "the class digit3 holds no image that"),
    "parquet: rubbish": (changed(parquet(a=[1]), lambda path: path.write_bytes(b"PAR1 no PAR1")), "cannot read"),
    "metadata: no file_name": (
        metadata("name,label", "images/0.png,a"),
        "line 2: there is no file_name among name, label",
    ),
    "metadata: no label": (metadata("file_name", "images/0.png"), "no column label; it has file_name"),
    "metadata: no such file": (metadata("file_name,label", "images/9.png,a"), "line 2: there is no file"),
    "metadata: empty label": (metadata("file_name,label", "images/0.png,"), "line 2: label is empty"),
    "metadata: ragged": (metadata("file_name,label", "images/0.png,a,b"), "line 2: 3 values"),
    "metadata: no JSON": (metadata('{"file_name": ', name="metadata.jsonl"), "line 1 is not JSON"),
    "metadata: a list": (metadata("[1]", name="metadata.jsonl"), "line 1 is not an object"),
    "metadata: no rows": (metadata("file_name,label"), "has no rows"),
    "metadata: an image twice": (
        metadata("file_name,label", "images/0.png,a", "images/0.png,b"),
        "names 2 images 'images/0.png'",
    ),
    "classes: one": (lambda folder: classes(folder) / "digit0", "files and no folders"),
    "classes: an empty one": (changed(classes, lambda path: (path / "new").mkdir()), "new holds no image"),
    "classes: no image": (
        changed(classes, lambda p: ((p / "new").mkdir(), (p / "new" / "a.txt").write_text("x"))),
        "the class new holds no image",
    ),
    "splits: loose images": (changed(splits, lambda p: write_png(p / "test" / "1.png", ONE)), "in no class folder"),
    "splits: a new class": (
        changed(splits, lambda p: write_png(p / "test" / "x" / "1.png", ONE)),
        "class x has no image in train",
    ),
    "splits: two": (changed(splits, lambda p: write_png(p / "more" / "1.png", ONE)), "can be read in two ways"),
    "a folder of images": (
        lambda folder: (write_png(folder / "mine" / "1.png", ONE), folder / "mine")[1],
        "holds 1 file and no folders: nothing tells the class",
    ),
    "an empty folder": (
        lambda folder: ((folder / "mine").mkdir(), folder / "mine")[1],
        "holds nothing that can be seen",
    ),
    "a file of no kind": (table("x", name="mine.txt"), "files of data end in"),
}
"""What is written, and what the one line says."""


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_one_line_and_leave_nothing(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    path = write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(MnistFacesError) as caught:
        load_dataset(path, data_dir=tmp_path / "data")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1200
    assert sorted(tmp_path.rglob("*")) == before


def test_a_packed_table_that_swells_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "INFLATED_FREE", 1 << 16)
    row = b"digit0" + b",0" * 784 + b"\n"
    (tmp_path / "mine.csv.gz").write_bytes(
        gzip.compress(b"label" + b"".join(b",p%d" % i for i in range(784)) + b"\n" + row * 2000)
    )
    with pytest.raises(DataError, match="unpacks to more than"):
        load_dataset(tmp_path / "mine.csv.gz")


def test_a_packed_idx_file_is_unpacked_no_further_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05" + bytes(100 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="has more than 13 of 13 bytes"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "images/../../secret.png",
        "/etc/passwd",
        "..\\secret.png",
        "..",
        ".",
        "file:///etc/passwd",
        "https://example.org/a.png",
        "C:\\secret.png",
        "",
        "a\0.png",
    ],
)
def test_a_file_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The cases of the library `datasets`: absolute paths, parents, backslashes, URLs."""
    path = metadata("file_name,label", f'"{name}",a', "images/1.png,b")(tmp_path)
    with pytest.raises(DataError, match=r"line 2: file_name .* is no path below the folder"):
        load_dataset(path)


def test_a_file_name_may_go_down_and_up_again(tmp_path: Path) -> None:
    path = metadata("file_name,label", "images/../images/0.png,a", "./images/1.png,b", "images//2.png,b")(tmp_path)
    assert load_dataset(path).ids.tolist() == ["images/0.png", "images/1.png", "images/2.png"]


def test_files_may_be_links_as_in_the_store_of_a_hub(tmp_path: Path) -> None:
    path = metadata("file_name,label", "images/0.png,a", "images/1.png,b")(tmp_path)
    (path / "images" / "0.png").unlink()
    (path / "images" / "0.png").symlink_to(tmp_path / "secret.png")
    assert len(load_dataset(path)) == 2


def test_metadata_of_two_kinds_are_refused(tmp_path: Path) -> None:
    path = metadata("file_name,label", "images/0.png,a")(tmp_path)
    (path / "metadata.jsonl").write_text('{"file_name": "images/0.png", "label": "a"}')
    with pytest.raises(DataError, match="metadata of two kinds"):
        load_dataset(path)


def test_images_that_the_metadata_do_not_name_are_not_read_and_counted(tmp_path: Path) -> None:
    path = metadata("file_name,label", "images/0.png,a", "images/1.png,b")(tmp_path)
    dataset = load_dataset(path)
    assert len(dataset) == 2
    assert any("1 file is not read: the metadata do not name" in note for note in dataset.notes())


def test_metadata_without_labels_beside_class_folders_can_be_read_in_two_ways(tmp_path: Path) -> None:
    path = classes(tmp_path)
    (path / "metadata.csv").write_text("file_name,text\ndigit0/000.png,a")
    with pytest.raises(DataError, match=r"two ways: --layout metadata .*; or --layout classes"):
        load_dataset(path)
    assert len(load_dataset(path, layout="classes").classes) == 3


def test_labels_of_metadata_count_where_folders_look_like_classes(tmp_path: Path) -> None:
    path = classes(tmp_path)
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.png"))
    lines = [f"{name},{'low' if name[5] == '0' else 'high'}" for name in names]
    (path / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    dataset = load_dataset(path)
    assert dataset.classes == ("high", "low")
    assert any("not the 3 folders (--layout classes)" in note for note in dataset.notes())


def test_names_that_are_not_utf_8_are_refused_with_their_folder(tmp_path: Path) -> None:
    path = classes(tmp_path)
    strange = os.fsencode(path / "digit1") + b"/\xff.png"
    with open(strange, "wb") as file:  # noqa: PTH123  a path of bytes
        file.write(b"x")
    with pytest.raises(DataError, match=r"digit1 holds the name b'\\xff.png', which is not UTF-8"):
        load_dataset(path)


def test_a_class_folder_may_be_a_link_to_elsewhere(tmp_path: Path) -> None:
    path = classes(tmp_path)
    plain = load_dataset(path)
    (path / "digit0").rename(tmp_path / "elsewhere")
    (path / "digit0").symlink_to(tmp_path / "elsewhere")
    linked = load_dataset(path)
    assert (linked.classes, linked.fingerprint) == (plain.classes, plain.fingerprint)


def test_links_that_lead_back_and_hidden_folders_are_not_read_and_said(tmp_path: Path) -> None:
    plain = load_dataset(classes(tmp_path))
    path = tmp_path / "mine"
    (path / "loop").symlink_to(path)
    (path / "self").symlink_to(path / "self")
    (path / "digit0" / "up").symlink_to(tmp_path)
    (path / ".git").mkdir()
    write_png(path / "digit0" / ".thumbs" / "1.png", ONE)
    (path / "__MACOSX").mkdir()
    dataset = load_dataset(path)
    assert dataset.fingerprint == plain.fingerprint
    notes = "\n".join(dataset.notes())
    assert "the link loop leads back" in notes
    assert "the link self leads back" in notes
    assert "digit0/up is not followed" in notes
    assert "2 hidden files and folders are not read" in notes
    assert "1 hidden file or folder in digit0 is not read" in notes


def test_two_class_folders_of_the_same_content_are_refused_and_shared_files_are_said(tmp_path: Path) -> None:
    path = classes(tmp_path)
    (path / "copy").mkdir()
    files = sorted((path / "digit1").iterdir())
    (path / "copy" / "x.png").write_bytes(files[0].read_bytes())
    assert any("1 image files stand in more than one class" in note for note in load_dataset(path).notes())
    for file in files:
        (path / "copy" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="classes copy and digit1 hold the same 22 images"):
        load_dataset(path)


def test_what_was_read_is_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    for make in (classes, csv):
        path = make(tmp_path)
        first = load_dataset(path, data_dir=data)
        with monkeypatch.context() as patch:
            patch.setattr(cache, "save_dataset", None)  # nothing is made again
            again = load_dataset(path, data_dir=data)
        assert (again.fingerprint, again.notes(), again.meta) == (first.fingerprint, first.notes(), first.meta)
        assert np.array_equal(again.inputs, first.inputs)
    csv_path = tmp_path / "mine.csv"
    csv_path.write_text(csv_path.read_text().replace("digit0,train,", "digit1,train,", 1))
    changed_table = load_dataset(csv_path, data_dir=data)
    assert changed_table.fingerprint != first.fingerprint


def test_a_data_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    assert len(load_dataset(classes(tmp_path), data_dir=tmp_path / "data")) == 66


def test_a_damaged_entry_of_the_cache_is_made_again(tmp_path: Path) -> None:
    path, data = metadata_csv(tmp_path), tmp_path / "data"
    first = load_dataset(path, data_dir=data)
    (entry,) = cache.cache_folder(data).iterdir()
    entry.write_bytes(b"rubbish")
    assert load_dataset(path, data_dir=data).fingerprint == first.fingerprint


def test_a_name_goes_before_a_folder_that_is_called_so_and_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes(tmp_path).rename(tmp_path / "digits-sample")
    monkeypatch.chdir(tmp_path)
    named, own = load_dataset("digits-sample"), load_dataset("./digits-sample")
    assert (len(named), len(own)) == (5000, 66)
    assert any(f"type .{os.sep}digits-sample" in note for note in named.notes())


@pytest.mark.parametrize("closed", ["mine", "mine/digit1", "mine/digit1/deep"])
def test_a_folder_that_cannot_be_read_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    write_png(classes(tmp_path) / "digit1" / "deep" / "1.png", ONE)
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path) == tmp_path / closed:
            raise OSError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=f"cannot read the folder {tmp_path / closed}: Permission denied$"):
        load_dataset(tmp_path / "mine")


def test_an_image_that_cannot_be_read_for_the_moment_is_left_out_for_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = classes(tmp_path / "mine")
    first = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    read = Path.read_bytes

    def badly(path: Path) -> bytes:
        if path == first:
            raise OSError(errno.EMFILE, "Too many open files")
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", badly)
        without = load_dataset(folder, data_dir=tmp_path / "data")
    assert without.meta["skipped_files"] == [
        f"{first.relative_to(folder).as_posix()}: cannot be read: Too many open files"
    ]
    whole = load_dataset(folder, data_dir=tmp_path / "data")
    assert len(whole) == len(without) + 1
    assert "unread" not in whole.meta
