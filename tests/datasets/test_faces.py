import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from mnistfaces.datasets import load_dataset, synthetic
from mnistfaces.datasets.faces import Face, cut_crops, face_ids
from mnistfaces.datasets.synthetic import kept_synthetic, load_synthetic, make_synthetic, save_synthetic
from mnistfaces.datasets.variants import variant_of
from mnistfaces.errors import DataError, UsageError


def face(name: str, face_id: int, unit: str = "0" * 64) -> Face:
    return Face(name=name, face_id=face_id, sha256="0" * 64, box=(0, 0, 1, 1), key=unit)


def test_small_crops_are_gray_and_large_ones_coloured_unless_told() -> None:
    assert [variant_of(res).label for res in (None, 32, 64, 65, 227)] == [
        "32-gray",
        "32-gray",
        "64-gray",
        "65-rgb",
        "227-rgb",
    ]
    assert (variant_of(32, color=True).label, variant_of(227, color=False).label) == ("32-rgb", "227-gray")


def test_a_face_is_named_by_surname_and_number_and_never_by_a_path() -> None:
    named = face_ids(
        [face("Alec Baldwin", 1862), face("Penélope Cruz", 5), face("../../etc ../passwd", 6), face("李", 7)]
    )
    assert named == ["baldwin-1862", "cruz-5", "passwd-6", "face-7"]


@given(
    st.lists(
        st.tuples(st.text(min_size=1).filter(lambda name: name.strip() and name.split()), st.integers(0, 99)),
        max_size=8,
    ),
)
def test_no_name_of_the_list_leaves_the_alphabet_of_file_names(people: list[tuple[str, int]]) -> None:
    faces = [face(name, number, f"{position:064x}"[::-1]) for position, (name, number) in enumerate(people)]
    named = face_ids(faces)
    assert all(re.fullmatch(r"[a-z0-9]+-[0-9]+(-[0-9a-f]{8})?", name) for name in named)
    assert len(set(named)) == len(faces)


def test_two_faces_of_one_name_and_number_stay_apart() -> None:
    assert face_ids([face("A B", 1, "1" * 64), face("C B", 1, "2" * 64)]) == ["b-1-11111111", "b-1-22222222"]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_faces_of_one_photograph_are_cut_from_one_decoding() -> None:
    reads = []
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    faces = [
        Face(name="A", face_id=n, sha256="s", box=box, key=str(n))
        for n, box in enumerate([(0, 0, 9, 9), (5, 5, 31, 31)])
    ]
    crops = list(cut_crops(faces, lambda sha256: reads.append(sha256) or png(pixels), [variant_of(9, color=True)]))
    assert [crop.state for crop in crops] == ["ok", "bad_box"]
    assert reads == ["s"]
    assert np.array_equal(crops[0].pixels[variant_of(9, color=True)], pixels[:9, :9])


@pytest.fixture(scope="module")
def drawn() -> synthetic.Dataset:
    return make_synthetic(seed=0)


def test_synthetic_faces_are_kept_as_they_were_drawn(drawn: synthetic.Dataset, tmp_path: Path) -> None:
    save_synthetic(tmp_path, drawn)
    assert np.array_equal(load_synthetic(tmp_path).inputs, drawn.inputs)
    with pytest.raises(DataError, match="--synthetic --res 64"):
        load_synthetic(tmp_path, 64)


def test_synthetic_faces_that_are_there_are_not_drawn_again_unless_they_are_damaged_or_of_another_seed(
    drawn: synthetic.Dataset, tmp_path: Path
) -> None:
    variant = variant_of()
    assert kept_synthetic(tmp_path, 0, variant) is None
    path = save_synthetic(tmp_path, drawn)
    kept = kept_synthetic(tmp_path, 0, variant)
    assert kept is not None
    assert kept.fingerprint == drawn.fingerprint
    assert kept_synthetic(tmp_path, 1, variant) is None
    path.write_bytes(path.read_bytes()[:-100])
    assert kept_synthetic(tmp_path, 0, variant) is None


def test_a_seed_draws_the_same_faces_and_another_seed_others(
    drawn: synthetic.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "PER_IDENTITY", 2)
    few = [make_synthetic(seed=seed) for seed in (0, 1)]
    assert np.array_equal(few[0].inputs[2:4], drawn.inputs[120:122])  # an image does not depend on how many there are
    assert not np.array_equal(few[0].inputs, few[1].inputs)


FIRST_FACES = (
    "fffffff9ece4caa2ffffdd836f9eba9afffa887e68629b8fffde748e6b6c7883ffd470625c4a6b7bffed6d655e4a796cffffa65d60648764fffffabb9da28158",
    "1b1a1b1f1f1c1a1819192a4c50371a171622574c5c462e161536595056504d1413335250494d4712111c48413c3c2f0f100f20393a2a100d0d0d0d0d0d0d0b0c",
    "c8c2936c66899c94cbb36b89865f9995cb9089677c578495ca91978d877c8096cda79590807c9098cdc096817580a099cec7ae928da1a299cfc9c0b2adaaa39a",
    "888b645c5c789ea28b6e87b5b97c8ca58c6daa6f7f7171a78e82b3a0bba482a7908eb9bcb2c493a99093baafb8afa1ab9296acbeaeaaa9ae91999ca5a5a7aaae",
    "6c6e595455647c7f635181bbbe7a617658477ea787905c6c4d798f9e92b4726446708b85959d725b3f5a737f7e8b5f52363e5d5f6d6c494a2e31384a4b3e3f41",
    "1a1c263b31262b2d1c2464767a472b2d1d43717a7f74302f1e536a607c7747301f5279807d944e3121387e827c933f3424275a8a916833362426293d40333436",
)
"""Gray values of the first face of each identity, 8 x 8 blocks of 4 x 4 pixels, as 0.1.0 drew them."""


def test_synthetic_faces_are_those_of_the_first_release_on_which_runs_go_on(drawn: synthetic.Dataset) -> None:
    blocks = drawn.inputs[::120].reshape(6, 8, 4, 8, 4).mean(axis=(2, 4))
    first = np.array([list(bytes.fromhex(face)) for face in FIRST_FACES]).reshape(6, 8, 8)
    np.testing.assert_allclose(blocks, first, atol=1)


def test_synthetic_faces_are_six_identities_of_120_images(drawn: synthetic.Dataset) -> None:
    assert np.bincount(drawn.labels).tolist() == [120] * 6
    assert (drawn.shape, drawn.inputs.dtype, len(set(drawn.ids.tolist()))) == ((32, 32), np.uint8, 720)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_network_tells_synthetic_faces_apart_better_than_a_linear_model(drawn: synthetic.Dataset) -> None:
    linear, network = [], []
    inputs = drawn.inputs / 255.0
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(720).reshape(-1)
        train, test = order[:480], order[480:]
        scores = [
            LogisticRegression(C=strength, max_iter=300).fit(inputs[train], drawn.labels[train])
            for strength in (0.01, 0.1)
        ]
        linear.append(max(model.score(inputs[test], drawn.labels[test]) for model in scores))
        hidden = MLPClassifier((20,), batch_size=32, learning_rate_init=5e-4, max_iter=150, alpha=0, random_state=seed)
        network.append(hidden.fit(inputs[train], drawn.labels[train]).score(inputs[test], drawn.labels[test]))
    assert 0.5 < np.mean(linear) < np.mean(network) < 0.95


def test_a_folder_of_images_is_a_dataset_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.png").write_bytes(png(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)))
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "dog" / "copy.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes())
    data = load_dataset(str(tmp_path), res=20, color=True)
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert data.kind == "images"
    assert data.meta["skipped"] == 1
    assert data.meta["skipped_files"][0].startswith("cat/notes.txt: cannot be decoded")
    first = np.asarray(Image.open(tmp_path / "cat" / "0.png"))[:, 5:25]
    assert np.array_equal(data.images(np.array([0]))[0], first)
    position = data.ids.tolist().index("dog/copy.png")
    assert data.groups[position] == data.groups[0]
    assert len(set(data.groups.tolist())) == 6


def test_a_folder_without_two_classes_or_with_an_empty_one_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dataset"):
        load_dataset(tmp_path / "none")
    (tmp_path / "cat").mkdir()
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(DataError, match="has 1 subfolder:"):
        load_dataset(tmp_path)
    (tmp_path / "dog").mkdir()
    (tmp_path / "cat" / "0.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(DataError, match="dog holds no image that can be read"):
        load_dataset(tmp_path)


def test_an_ellipse_covers_its_middle_whole_its_edge_by_half_and_nothing_far_away() -> None:
    x = np.array([0.0, 0.5, 0.0, 2.0])
    y = np.array([0.0, 0.0, 0.25, 2.0])
    np.testing.assert_allclose(synthetic._disc(x, y, (0, 0), (0.5, 0.25)), [1, 0.5, 0.5, 0], atol=1e-3)


def test_a_line_covers_its_middle_whole_its_edge_by_half_and_nothing_beyond_its_ends() -> None:
    x, y = np.array([0.0, 0.0, 0.45, 2.0]), np.array([0.0, 0.2, 0.0, 0.0])
    covered = synthetic._stroke(x, y, (-0.5, 0, 0.5, 0), 0, 0.2)
    np.testing.assert_allclose(covered[1:], [0.5, covered[0], 0], atol=1e-3)
    assert 0.9 < covered[0] < 1
