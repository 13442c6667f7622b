"""From what a layout found to a dataset: class numbers, inputs, groups, the given split, the fingerprint.

N images, n of them readable, C classes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import DataConfig, DatasetKind
from mnistfaces.datasets import grouping
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.cache import known_fingerprint
from mnistfaces.datasets.decoding import Decoded, decode_all
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.inputs import read_inputs
from mnistfaces.datasets.labels import doubts, read_labels, require_plain
from mnistfaces.datasets.store import fingerprint_of
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import DataError
from mnistfaces.progress import Event, result_of
from mnistfaces.text import counted

NAMED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class _Content:
    """What the images or numbers of a layout come to.

    Attributes:
        inputs: (n, D).
        shape: of one image.
        kept: (n,) which of the N are readable.
        pairs: near-duplicates among them.
        assumed: a sentence for each thing that was assumed, or told of them.
        meta: of image files: their form, and what was left out.
        sha256: (n,) of the files.
    """

    inputs: NDArray[Any]
    shape: tuple[int, ...]
    kept: NDArray[np.int64]
    pairs: grouping.Pairs
    assumed: Sequence[str]
    meta: Mapping[str, Any] = field(default_factory=dict)
    sha256: NDArray[np.str_] | None = None


def assemble(
    found: Found, place: str, kind: DatasetKind, reading: DataConfig, variant: Variant | None
) -> Iterator[Event | Dataset]:
    """Yields the dataset of what was found; without a name and a source, which the path gives it.

    Args:
        found: labelled image files or numbers.
        place: the path, for messages.
        kind: of the dataset.
        reading: what the user chose.
        variant: the form of the images; None for numbers.

    Raises:
        DataError: labels, names or images cannot be those of a dataset; the message says which.
    """
    keys = grouping.keys_of(found, reading.group_by, place)
    labels, classes = _classes(found, place)
    names = [str(number) for number in range(len(labels))] if found.names is None else list(found.names)
    _require_names(names, place)
    if variant is None:
        content = yield from result_of(_of_array(found, place, kind, reading, keyed=keys is not None))
    else:
        content = yield from result_of(_of_files(found, place, names, labels, classes, variant))
    kept, pairs = content.kept, content.pairs
    if keys is not None:
        pairs = [*pairs, *grouping.key_pairs([keys[number] for number in kept.tolist()])]
    sides = np.full(len(kept), "train") if found.sides is None else found.sides[kept]
    dataset = Dataset(
        name="",
        kind=kind,
        inputs=content.inputs,
        labels=labels[kept],
        classes=classes,
        ids=np.array(names)[kept],
        shape=content.shape,
        groups=images.joined(len(kept), pairs),
        given_test=sides == "test",
        given_val=sides == "val" if (sides == "val").any() else None,
        fingerprint="",
        meta=_meta(found, content, reading, classes),
        sha256=content.sha256,
        remarks=found.remarks,
    )
    yield replace(dataset, fingerprint=fingerprint_of(dataset))


def _meta(found: Found, content: _Content, reading: DataConfig, classes: Sequence[str]) -> dict[str, Any]:
    numbered = ["images are called by their numbers, from 0"] if found.names is None else []
    said = {"assumed": [*found.assumed, *doubts(classes), *numbered, *content.assumed], "reading": reading.reading}
    return {**content.meta, **{name: told for name, told in said.items() if told}}


def _of_array(
    found: Found, place: str, kind: DatasetKind, reading: DataConfig, *, keyed: bool
) -> Iterator[Event | _Content]:
    array = cast("NDArray[Any]", found.inputs)
    if len(array) != len(found.labels):
        raise DataError(f"{place} has {counted(len(array), 'image')} and {counted(len(found.labels), 'label')}")
    inputs, shape, said = read_inputs(array, reading, place, found.shape)
    pairs, told = yield from result_of(_pairs_of_array(inputs, shape, kind, keyed=keyed))
    yield _Content(inputs=inputs, shape=shape, kept=np.arange(len(array)), pairs=pairs, assumed=[*said, *told])


def _of_files(  # noqa: PLR0917  what was found, and what it is called in messages
    found: Found,
    place: str,
    names: Sequence[str],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    variant: Variant,
) -> Iterator[Event | _Content]:
    decoded = yield from result_of(decode_all(cast("Sequence[Any]", found.inputs), names, variant))
    own = labels[decoded.kept]
    _require_every_class(place, classes, labels, decoded)
    told = _require_distinct_classes(place, classes, own, decoded)
    pairs, more = yield from result_of(grouping.look_pairs(decoded.thumbnails))
    told += more
    if decoded.several:
        hold = counted(decoded.several, "file holds", "files hold")
        told.append(f"{hold} several images (pages or frames): the first of each is read")
    if decoded.black:
        black = counted(decoded.black, "image is", "images are")
        told.append(f"{black} nearly black: of 12 bits in 16, perhaps; brighten them first")
    yield _Content(
        inputs=decoded.pixels,
        shape=variant.shape,
        kept=decoded.kept,
        pairs=pairs,
        assumed=told,
        meta=_decoded_meta(decoded, variant, pairs),
        sha256=decoded.sha256,
    )


def _classes(found: Found, place: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns class numbers, (N,), and the C classes, in the order of the layout where it has one."""
    labels, classes = read_labels(found.labels, place)
    if found.classes is not None:
        number = {name: position for position, name in enumerate(found.classes)}
        labels, classes = np.array([number[name] for name in classes], np.int64)[labels], found.classes
    require_plain(classes, "the class", place)
    if not classes:
        raise DataError(f"{place} holds no images")
    if len(classes) < 2:  # noqa: PLR2004  nothing to tell apart
        raise DataError(f"{place}: all {len(labels)} images are of the class {classes[0]}")
    return labels, classes


def _require_names(names: Sequence[str], place: str) -> None:
    require_plain(names, "the image", place)
    if len(set(names)) < len(names):
        name, count = Counter(names).most_common(1)[0]
        raise DataError(f"{place} names {count} images {name!r}: each needs a name of its own")


def _decoded_meta(decoded: Decoded, variant: Variant, pairs: grouping.Pairs) -> dict[str, Any]:
    return {
        "res": variant.res,
        "color": variant.color,
        "near_duplicate_pairs": len(pairs),
        "skipped": len(decoded.problems),
        "skipped_files": list(decoded.problems[:NAMED]),
        **({"unread": decoded.unread} if decoded.unread else {}),
    }


def _pairs_of_array(
    inputs: NDArray[Any], shape: tuple[int, ...], kind: DatasetKind, *, keyed: bool
) -> Iterator[Event | tuple[grouping.Pairs, list[str]]]:
    """Yields the near-duplicates among images or features, and says how they were told."""
    if inputs.dtype == np.uint8:
        yield from grouping.look_pairs(grouping.thumbnails_of(inputs, shape))
        return
    if kind == "features" and not keyed:
        pairs = grouping.feature_pairs(inputs)
        if grouping.tells_apart(pairs, len(inputs)):
            alike = f"{counted(len(pairs), 'pair')} whose features have a cosine above {grouping.SAME_FEATURES:g}"
            yield pairs, [f"{alike} are near-duplicates"]
            return
    pairs = grouping.equal_pairs(inputs)
    equal = counted(len(pairs), "row is", "rows are")
    said = [f"{equal} equal to one before: kept on its side of a split"] if pairs else []
    few = grouping.tells_apart(pairs, len(inputs))
    yield (pairs, said) if few else ([], ["many rows are equal: none is taken as another's near-duplicate"])


def _require_every_class(place: str, classes: Sequence[str], labels: NDArray[np.int64], decoded: Decoded) -> None:
    counts = np.bincount(labels[decoded.kept], minlength=len(classes))
    if counts.min() == 0:
        empty = int(counts.argmin())
        problems = iter(decoded.problems)
        reasons = {number: next(problems) for number in sorted({*range(len(labels))} - {*decoded.kept.tolist()})}
        first = next((f" ({reason})" for number, reason in reasons.items() if labels[number] == empty), "")
        raise DataError(
            f"{place}: the class {classes[empty]} holds no image that can be read{first}: remove it or put images into "
            "it"
        )


def _require_distinct_classes(
    place: str, classes: Sequence[str], labels: NDArray[np.int64], decoded: Decoded
) -> list[str]:
    """Returns what to say of files that stand in two classes.

    Raises:
        DataError: two classes hold the same files.
    """
    of_file: dict[str, set[int]] = {}
    for label, sha256 in zip(labels.tolist(), decoded.sha256.tolist(), strict=True):
        of_file.setdefault(sha256, set()).add(label)
    files = [frozenset(name for name, held in of_file.items() if label in held) for label in range(len(classes))]
    first: dict[frozenset[str], int] = {}
    for label, held in enumerate(files):
        if held in first:
            raise DataError(
                f"{place}: the classes {classes[first[held]]} and {classes[label]} hold the same {len(held)} images: "
                "remove one"
            )
        first[held] = label
    shared = sum(len(held) > 1 for held in of_file.values())
    return [f"{shared} image files stand in more than one class"] if shared else []


def regrouped(dataset: Dataset, reading: DataConfig, data_dir: Path | None) -> Dataset:
    """Returns the dataset with the images of one key of `--group-by` in one group, too; its own groups stay whole.

    Its fingerprint is another one, which is computed once (`known_fingerprint`).
    """
    if reading.group_by is None:
        return dataset
    columns = {} if dataset.sha256 is None else {"sha256": dataset.sha256.tolist()}
    found = Found(inputs=dataset.inputs, labels=dataset.labels, names=dataset.ids.tolist(), columns=columns)
    keys = grouping.keys_of(found, reading.group_by, dataset.name) or []
    pairs = [*grouping.key_pairs(keys), *grouping.key_pairs(dataset.groups.tolist())]
    groups = images.joined(len(dataset), pairs)
    changed = replace(dataset, groups=groups, meta={**dataset.meta, "reading": reading.reading})
    made_of = ["regrouped", dataset.fingerprint, hashlib.sha256(groups.tobytes()).hexdigest()]
    return replace(changed, fingerprint=known_fingerprint(changed, made_of, data_dir))
