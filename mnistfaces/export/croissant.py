"""What a run's dataset is, as Croissant metadata (mlcommons.org/croissant, 1.1), for search engines and conferences.

Beside the metadata stands `labels.csv`, a row per image: its name, class, side of the run's split, and group. The
images themselves are not copied; the description says where they are from.
"""

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from mnistfaces.config import DatasetKind
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split
from mnistfaces.files import sha256_of_file, write_text
from mnistfaces.runs.models import dataset_of, split_of
from mnistfaces.runs.runs import Run
from mnistfaces.text import csv_cell

LABELS = "labels.csv"
COLUMNS: Mapping[str, str] = {
    "image": "The image's name in its dataset.",
    "class": "Its class.",
    "side": "Which side of the run's split it stands on: train, val or test; empty where on none.",
    "group": "Near-duplicates, or images of one person, share a number and stay on one side of a drawn split.",
}
UNSTATED = "Whoever made these data has not said."

PERSONAL: Mapping[DatasetKind, str] = {
    "faces": "Photographs of real people, found on the web: public figures, whose consent was not asked.",
    "digits": "Handwriting of people who are not named.",
}
SYNTHETIC = "faces-synthetic"

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The vocabulary, as the format's specification gives it."""


def export(run: Run, path: Path, data_dir: Path | None = None) -> list[Path]:
    """Writes the metadata of a run's dataset, and beside them the list of its images.

    Raises:
        DataError: the dataset is not on this machine.
        RunError: it has other content than when the run was made.
        FileError: the disk refuses.
    """
    dataset = dataset_of(run, data_dir)
    labels = path.with_name(LABELS)
    write_text(labels, _listed(dataset, split_of(run, dataset)))
    told = metadata_of(dataset, sha256_of_file(labels))
    write_text(path, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return [path, labels]


def metadata_of(dataset: Dataset, sha256: str) -> dict[str, Any]:
    """Returns the metadata of a dataset.

    Args:
        dataset: what is described.
        sha256: of the list of its images.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": dataset.name,
        "description": _described(dataset),
        "license": str(dataset.meta.get("licence", UNSTATED)),
        "url": str(dataset.meta.get("url", f"urn:sha256:{dataset.fingerprint}")),
        "version": "1.0.0",
        "datePublished": date.today().isoformat(),  # noqa: DTZ011  a day where the person is
        "creator": {"@type": "sc:Organization", "name": str(dataset.meta.get("source", UNSTATED))},
        "citeAs": str(dataset.meta.get("source", dataset.name)),
        **_responsible(dataset),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": LABELS,
                "name": LABELS,
                "description": "A row per image: its name, class, side of the split and group.",
                "contentUrl": LABELS,
                "encodingFormat": "text/csv",
                "sha256": sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "description": f"The {len(dataset)} images.",
                "key": {"@id": "images/image"},
                "field": [_field(name, meaning) for name, meaning in COLUMNS.items()],
            }
        ],
    }


def _field(name: str, meaning: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"images/{name}",
        "name": name,
        "description": meaning,
        "dataType": "sc:Integer" if name == "group" else "sc:Text",
        "source": {"fileObject": {"@id": LABELS}, "extract": {"column": name}},
    }


def _responsible(dataset: Dataset) -> dict[str, Any]:
    """Returns the fields of responsible AI that can be told, and of the others that nobody said."""
    groups, crossing = dataset.count_groups(np.arange(len(dataset))), dataset.count_crossing()
    sizes = np.bincount(dataset.labels, minlength=len(dataset.classes))
    limits = [
        f"From {sizes.min()} to {sizes.max()} images per class.",
        f"{groups} groups stand behind the {len(dataset)} images.",
    ]
    if crossing:
        limits.append(f"{crossing} groups stand on several sides of the split that the data bring.")
    made = dataset.name == SYNTHETIC
    return {
        "rai:dataCollection": str(dataset.meta.get("source", UNSTATED)),
        "rai:dataLimitations": limits,
        "rai:dataBiases": [UNSTATED],
        "rai:personalSensitiveInformation": ["None: drawn." if made else PERSONAL.get(dataset.kind, UNSTATED)],
        "rai:dataUseCases": ["Teaching and small experiments in classification."],
        "rai:dataSocialImpact": UNSTATED,
        "rai:hasSyntheticData": made,
    }


def _described(dataset: Dataset) -> str:
    """Returns the dataset in a sentence."""
    axes = " x ".join(map(str, dataset.shape))
    what = f"features of length {axes}" if len(dataset.shape) == 1 else f"images of {axes} pixels"
    source = dataset.meta.get("source")
    where = f" From {source}." if source else ""
    counted = f"{len(dataset)} {what} in {len(dataset.classes)} classes."
    return f"{counted}{where} SHA-256 of the content: {dataset.fingerprint}."


def _listed(dataset: Dataset, split: Split) -> str:
    """Returns the list of a dataset's images."""
    sides = {int(image): side for side in ("train", "val", "test") for image in getattr(split, side)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image, (name, label, group) in enumerate(
        zip(dataset.ids.tolist(), dataset.labels.tolist(), dataset.groups.tolist(), strict=True)
    ):
        writer.writerow([csv_cell(name), csv_cell(dataset.classes[label]), sides.get(image, ""), group])
    return text.getvalue()
