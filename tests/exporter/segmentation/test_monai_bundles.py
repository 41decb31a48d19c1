"""Results of a MONAI bundle, in the folders that its inference writes, named by the bundle's own metadata."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.nifti.monai_bundle import BadBundle, read_bundle
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import NiftiSource, Settings
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
METADATA: dict[str, Any] = {
    "version": "0.5.3",
    "monai_version": "1.4.0",
    "name": "Spleen CT segmentation",
    "network_data_format": {
        "inputs": {"image": {"type": "image", "channel_def": {"0": "image"}}},
        "outputs": {"pred": {"type": "image", "format": "segmentation", "channel_def": {"0": "background", "1": "Spleen"}}},
    },
}


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The folder as the specification lays it out, with one result below eval/."""
    root = tmp_path / "spleen_ct_segmentation"
    for folder in ("configs", "models", "eval/P1"):
        (root / folder).mkdir(parents=True)
    tell(root, METADATA)
    labels = np.zeros((10, 10, 10), np.float32)  # as SaveImage writes them
    labels[:3] = 1
    nib.save(nib.Nifti1Image(labels, np.diag([10.0, 10.0, 10.0, 1.0])), root / "eval" / "P1" / "P1_trans.nii.gz")  # type: ignore[no-untyped-call]
    return root


def tell(root: Path, metadata: object) -> None:
    (root / "configs" / "metadata.json").write_text(json.dumps(metadata))


def source(root: Path, **settings: Any) -> NiftiSource:
    link = {"by": "pattern", "pattern": "{PatientID}_trans.nii.gz"}
    stated = {"name": "spleen", "kind": "nifti", "path": root / "eval", "bundle": root, "link": link}
    return NiftiSource(Settings.model_validate(stated | settings), SiteContext(PSEUDONYMS, now))


def scanned(root: Path, inventory: Inventory, **settings: Any) -> ScanResult:
    return source(root, **settings).scan(inventory, NoProgress())


def test_labels_algorithm_and_version_are_those_of_the_bundle(bundle: Path, inventory: Inventory) -> None:
    assert scanned(bundle, inventory).unlinked == 0

    (segmentation,) = inventory.segmentations_frame().itertuples()
    (structure,) = inventory.structures_frame().itertuples()
    assert (segmentation.algorithm, segmentation.algorithm_version) == ("spleen ct segmentation", "0.5.3")
    assert (structure.structure, structure.volume_ml) == ("spleen", pytest.approx(300.0))
    assert segmentation.patient_key == PSEUDONYMS.patient("P1")


def test_a_new_version_of_the_bundle_reads_its_results_anew(bundle: Path, inventory: Inventory) -> None:
    scanned(bundle, inventory)
    assert scanned(bundle, inventory).read == 0
    tell(bundle, METADATA | {"version": "0.6.0"})

    assert scanned(bundle, inventory).read == 1
    assert inventory.segmentations_frame()["algorithm_version"].tolist() == ["0.6.0"]


def test_what_the_settings_say_wins(bundle: Path, inventory: Inventory) -> None:
    scanned(bundle, inventory, labels={"milt": 1}, algorithm="ours")

    assert inventory.structures_frame()["structure"].tolist() == ["milt"]
    assert inventory.segmentations_frame()["algorithm"].tolist() == ["ours"]


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        {"name": "no outputs"},
        METADATA | {"network_data_format": {"outputs": {"pred": {"channel_def": {"0": "tumor core", "1": "whole tumor"}}}}},
        METADATA | {"network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "one": "spleen"}}}}},
        METADATA | {"network_data_format": {"outputs": {"pred": {"channel_def": ["background", "spleen"]}}}},
    ],
)
def test_a_bundle_whose_output_is_no_label_map_says_what_to_do(bundle: Path, inventory: Inventory, metadata: object) -> None:
    scanned(bundle, inventory)
    tell(bundle, metadata)

    with pytest.raises(BadBundle, match=r"say `labels` and leave `bundle` out|is not JSON"):
        read_bundle(bundle)
    with pytest.raises(SourceUnavailable, match=r"metadata\.json"):
        scanned(bundle, inventory)
    assert [found.ok for found in source(bundle).check()] == [False]
    assert len(inventory.segmentations_frame()) == 1


def test_a_folder_that_is_no_bundle_is_told(bundle: Path) -> None:
    with pytest.raises(BadBundle, match=r"is `bundle` the folder that holds configs/\?"):
        read_bundle(bundle / "eval")
