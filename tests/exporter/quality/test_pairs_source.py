"""Folders with two readings of the same images: pairing, incremental passes, what cannot be compared, planted noise."""

from __future__ import annotations

import datetime as dt
import gzip
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from studyscope_demo.profiles import read_profiles
from studyscope_demo.world.label_maps import label_map_file
from studyscope_demo.world.patients import drawn_course
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.pairs import PairsSource, Settings
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
LABELS = {"background": 0, "liver": 1, "spleen": 2}


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("results", "readings"):
        (tmp_path / name).mkdir()
    return tmp_path


def source(root: Path, executor: Any = None, **settings: Any) -> PairsSource:
    stated = {
        "name": "second-readings",
        "kind": "pairs",
        "path": root / "results",
        "readings": root / "readings",
        "link": {"by": "pattern", "pattern": "{PatientID}_{*}.nii.gz"},
        "labels": LABELS,
        "reading_labels": LABELS,
    }
    return PairsSource(Settings.model_validate(stated | settings), SiteContext(PSEUDONYMS, now, executor=executor))


def scanned(root: Path, inventory: Inventory, **settings: Any) -> ScanResult:
    return source(root, **settings).scan(inventory, NoProgress())


def write(path: Path, begin: int, end: int, spacing: float = 2.0) -> None:
    """Liver in the planes from `begin` to `end` of a cube of 12 voxels."""
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[begin:end, 2:10, 2:10] = 1
    nib.save(nib.Nifti1Image(labels, np.diag([spacing, spacing, spacing, 1.0])), path)  # type: ignore[no-untyped-call]


def of_liver(inventory: Inventory) -> dict[bytes, Any]:
    rows = inventory.agreements_frame()
    return {row.patient_key: row for row in rows[rows["structure"] == "liver"].itertuples()}


def test_files_that_name_one_patient_are_compared(root: Path, inventory: Inventory) -> None:
    for patient, planes in (("P1", (2, 10)), ("P2", (2, 6))):
        write(root / "results" / f"{patient}_net.nii.gz", 2, 10)
        write(root / "readings" / f"{patient}_reader.nii.gz", *planes)

    result = scanned(root, inventory, algorithm="nnU-Net", algorithm_version="2.5")

    assert (result.seen, result.read, result.unreadable, result.unlinked) == (2, 2, {}, 0)
    same, half = (of_liver(inventory)[PSEUDONYMS.patient(name)] for name in ("P1", "P2"))
    assert (same.dice, same.surface_dice, same.hausdorff_mm, same.noise) == (1.0, 1.0, 0.0, "")
    assert half.dice == pytest.approx(2 / 3)
    assert half.hausdorff_mm == pytest.approx(8.0)
    assert half.noise == "over_segmentation"
    assert (half.algorithm, half.algorithm_version, half.review_state, half.against) == ("nnu-net", "2.5", "automatic", "second")


def test_only_a_pair_of_which_a_file_changed_is_read_again(root: Path, inventory: Inventory) -> None:
    for patient in ("P1", "P2"):
        write(root / "results" / f"{patient}_net.nii.gz", 2, 10)
        write(root / "readings" / f"{patient}_reader.nii.gz", 2, 10)
    scanned(root, inventory)
    assert scanned(root, inventory).read == 0

    write(root / "readings" / "P2_reader.nii.gz", 2, 7)
    result = scanned(root, inventory)

    assert (result.read, result.removed) == (1, 1)
    assert of_liver(inventory)[PSEUDONYMS.patient("P2")].dice < 1
    assert len(inventory.agreements_frame()["comparison_key"].unique()) == 2


def test_another_tolerance_reads_everything_anew(root: Path, inventory: Inventory) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 9)
    scanned(root, inventory, tolerance_mm=1.0)
    narrow = of_liver(inventory)[PSEUDONYMS.patient("P1")].surface_dice

    assert scanned(root, inventory, tolerance_mm=3.0).read == 1
    assert of_liver(inventory)[PSEUDONYMS.patient("P1")].surface_dice > narrow


def test_a_reading_that_is_gone_takes_its_comparison_along(root: Path, inventory: Inventory) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)
    scanned(root, inventory)
    (root / "readings" / "P1_reader.nii.gz").unlink()

    result = scanned(root, inventory)

    assert (result.removed, result.ignored) == (1, {"no counterpart": 1})
    assert len(inventory.agreements_frame()) == 0


def test_what_has_no_single_counterpart_is_counted_by_reason(root: Path, inventory: Inventory) -> None:
    for name in ("P1_net", "P2_net", "P2_other", "P3_net", "nobody"):
        write(root / "results" / f"{name}.nii.gz", 2, 10)
    for name in ("P2_reader", "P3_a", "P3_b"):
        write(root / "readings" / f"{name}.nii.gz", 2, 10)

    result = scanned(root, inventory)

    assert result.seen == 0
    assert result.ignored == {"no counterpart": 1, "several label maps of one image": 3, "not linked": 1}


def test_damaged_files_and_other_grids_are_counted_and_stay_counted(root: Path, inventory: Inventory) -> None:
    for patient in ("P1", "P2", "P3", "P4"):
        write(root / "results" / f"{patient}_net.nii.gz", 2, 10)
        write(root / "readings" / f"{patient}_reader.nii.gz", 2, 10)
    write(root / "readings" / "P2_reader.nii.gz", 2, 10, spacing=2.5)
    cut = root / "readings" / "P3_reader.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-40])
    flipped = nib.load(root / "readings" / "P4_reader.nii.gz")  # type: ignore[attr-defined]
    turned = nib.Nifti1Image(np.asarray(flipped.dataobj), np.diag([-2.0, 2.0, 2.0, 1.0]))  # type: ignore[no-untyped-call]
    nib.save(turned, root / "readings" / "P4_reader.nii.gz")

    expected = {"another grid than its counterpart": 2, "truncated": 1}

    assert scanned(root, inventory).unreadable == expected
    again = scanned(root, inventory)
    assert (again.read, again.unreadable) == (0, expected)
    assert len(of_liver(inventory)) == 1


def test_only_the_structures_asked_for_are_compared(root: Path, inventory: Inventory) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)

    scanned(root, inventory, structures=("Liver",))

    assert list(inventory.agreements_frame()["structure"]) == ["liver"]


def test_pairs_may_be_read_by_other_processes(root: Path, inventory: Inventory) -> None:
    for number in range(3):
        write(root / "results" / f"P{number}_net.nii.gz", 2, 10)
        write(root / "readings" / f"P{number}_reader.nii.gz", 2, 8 + number)

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        source(root, executor=executor).scan(inventory, NoProgress())

    assert len(of_liver(inventory)) == 3


def test_an_emptied_share_is_a_source_that_is_down(root: Path, inventory: Inventory) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)
    scanned(root, inventory)
    for path in root.rglob("*.nii.gz"):
        path.unlink()

    with pytest.raises(SourceUnavailable, match="mounted"):
        scanned(root, inventory)

    assert len(inventory.agreements_frame()) > 0


@pytest.mark.parametrize("size", [0, 100, 348, 352, 400])
def test_a_stump_of_a_file_never_stops_the_pass(root: Path, inventory: Inventory, size: int) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)
    whole = gzip.decompress((root / "readings" / "P1_reader.nii.gz").read_bytes())
    (root / "readings" / "P1_reader.nii.gz").write_bytes(whole[:size])

    assert sum(scanned(root, inventory).unreadable.values()) == 1


@pytest.mark.parametrize("seed", range(12))
def test_headers_full_of_noise_never_stop_the_pass(root: Path, inventory: Inventory, seed: int) -> None:
    random = np.random.default_rng(seed)
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)
    whole = bytearray(gzip.decompress((root / "readings" / "P1_reader.nii.gz").read_bytes()))
    for at in random.integers(40, 344, 12):
        whole[at] = random.integers(256)
    (root / "readings" / "P1_reader.nii.gz").write_bytes(bytes(whole))

    assert scanned(root, inventory).seen == 1


PLANTED = {
    "none": set[str](),
    "contours_off": {"boundary_shift", "over_segmentation"},
    "structures_missing": {"missing_structure"},
    "structures_added": {"extra_structure"},
    "labels_confused": {"label_swap"},
}


@pytest.mark.parametrize("noise", PLANTED)
def test_noise_that_the_demo_plants_is_found_by_its_name(root: Path, inventory: Inventory, noise: str) -> None:
    profiles, patients = read_profiles(), 150
    hospital = next(one for one in profiles.hospitals if one.id == "munich").model_copy(update={"noise": noise})
    for number in range(patients):
        random = np.random.default_rng([7, number])
        course = drawn_course(hospital, profiles.devices(hospital), number, 0, random)
        for folder, one in (("results", course.result), ("readings", course.reading)):
            path = root / folder / f"{course.patient_id}_a.nii.gz"
            path.write_bytes(label_map_file(one.labels, one.names))

    scanned(root, inventory, tolerance_mm=15.0, labels=None, reading_labels=None)

    rows = inventory.agreements_frame()
    per_patient = rows.groupby("patient_key")["noise"].agg(lambda kinds: frozenset(" ".join(kinds).split()))
    found = Counter(kind for kinds in per_patient for kind in kinds)
    common = {kind for kind, count in found.items() if count > 0.2 * patients}
    assert len(per_patient) == patients
    assert common == PLANTED[noise], dict(found)
    # What is not planted happens too (an empty result, a structure lost), but seldom.
    assert all(count < 0.12 * patients for kind, count in found.items() if kind not in PLANTED[noise]), dict(found)


def test_reading_changes_nothing_in_either_folder(root: Path, inventory: Inventory) -> None:
    write(root / "results" / "P1_net.nii.gz", 2, 10)
    write(root / "readings" / "P1_reader.nii.gz", 2, 10)

    def states() -> dict[Path, os.stat_result]:
        paths = (path for folder in ("results", "readings") for path in (root / folder, *(root / folder).iterdir()))
        return {path: path.stat() for path in paths}

    before = {path: (state.st_mtime_ns, state.st_size) for path, state in states().items()}
    scanned(root, inventory)

    assert {path: (state.st_mtime_ns, state.st_size) for path, state in states().items()} == before
