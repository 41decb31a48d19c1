"""What every kind of source has in common; a new kind is tested by adding its example here."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from airflow_server import Airflow, a_run, airflow_at, write_runs
from archive_server import PlainArchive, archive_at
from local_server import Answer, served
from platform_server import platform_at
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.local_gauges import kept_gauges
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.annotation import efforts_in
from studyscope_exporter.sources.clinical import values_in
from studyscope_exporter.sources.consent import withdrawn_patients
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.learning import rounds_in
from studyscope_exporter.sources.lesions import changes_in
from studyscope_exporter.sources.roster import patients_on
from studyscope_exporter.sources.sequences import told_in
from studyscope_exporter.sources.source import NoProgress, Source, SourceUnavailable
from studyscope_exporter.sources.tracker import tracked_stages

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def a_folder(path: Path) -> dict[str, Any]:
    path.mkdir()
    shutil.copy(str(get_testdata_file("CT_small.dcm")), path / "one.dcm")
    image = pydicom.dcmread(path / "one.dcm")
    image.PatientID, image.SeriesInstanceUID, image.SOPInstanceUID = "another", "1.2.3", "1.2.3.4"
    pydicom.dcmwrite(path / "two.dcm", image)
    return {"kind": "folder", "path": path}


def label_maps(path: Path) -> dict[str, Any]:
    path.mkdir()
    for name in ("case-1", "case-2"):
        image = nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.uint8), np.eye(4))
        nib.save(image, path / f"{name}.nii.gz")
    return {"kind": "nifti", "path": path, "labels": {"background": 0, "liver": 1}}


def a_job_log(path: Path) -> dict[str, Any]:
    lines = ['{"id": "1", "workflow": "w", "state": "success"}', '{"id": "2", "workflow": "w", "state": "failed"}']
    path.write_text("\n".join(lines) + "\n")
    return {"kind": "jobs", "path": path}


def a_register_of_consent(path: Path) -> dict[str, Any]:
    path.write_text("PatientID,status\nAda,withdrawn\nBen,withdrawn\nCai,given\n")
    return {"kind": "consent", "path": path}


def a_roster(path: Path) -> dict[str, Any]:
    path.write_text("PatientID\nAda\nBen\n")
    return {"kind": "roster", "path": path}


def a_progress_table(path: Path) -> dict[str, Any]:
    path.write_text("PatientID,Segmented,Reviewed\nAda,yes,\nBen,,2026-01-02\n")
    return {"kind": "tracker", "path": path, "stages": {"segmented": "Segmented", "reviewed": "Reviewed"}}


def a_table_of_lesions(path: Path) -> dict[str, Any]:
    rows = [f"{patient},L{number},2026-0{month}-01" for patient in ("Ada", "Ben") for number, month in ((1, 1), (1, 3), (2, 3))]
    path.write_text("\n".join(["PatientID,lesion,date", *rows]) + "\n")
    return {"kind": "lesions", "path": path}


def clinical_variables(path: Path) -> dict[str, Any]:
    path.write_text("PatientID,grade\nAda,G1\nBen,\n")
    return {"kind": "clinical", "path": path, "variables": {"grade": "grade"}}


def kinds_of_sequences(path: Path) -> dict[str, Any]:
    path.write_text("SeriesInstanceUID,sequence\n1.2.1,t1\n1.2.2,FLAIR\n1.2.3,\n")
    return {"kind": "sequences", "path": path}


def a_log_of_annotation(path: Path) -> dict[str, Any]:
    path.write_text("case,PatientID,reader,minutes\none,Ada,R1,5\ntwo,Ben,R2,7\n")
    return {"kind": "annotation", "path": path, "columns": {"reader": "reader", "minutes": "minutes"}}


def rounds_of_learning(path: Path) -> dict[str, Any]:
    path.write_text("round,state\n1,participated\n2,missed\n")
    return {"kind": "learning", "path": path}


def images_with_a_table(path: Path) -> dict[str, Any]:
    path.mkdir()
    for name in ("one.png", "two.png"):
        (path / name).write_bytes(b"image")
    (path / "images.csv").write_text("file,PatientID,Modality\none.png,Ada,OP\ntwo.png,Ben,OP\n")
    return {"kind": "images", "path": path, "table": path / "images.csv"}


def pairs_of_label_maps(path: Path) -> dict[str, Any]:
    other = path.with_name("readings")
    for folder in (path, other):
        label_maps(folder)
    link = {"by": "pattern", "pattern": "{PatientID}.nii.gz"}
    return {"kind": "pairs", "path": path, "readings": other, "link": link, "structures": ("label 1",)}


def members_of_an_ensemble(path: Path) -> dict[str, Any]:
    for folder in (path, path.with_name("other-member")):
        label_maps(folder)
    link = {"by": "pattern", "pattern": "{PatientID}.nii.gz"}
    return {"kind": "ensemble", "members": (path, path.with_name("other-member")), "link": link}


def a_summary_of_nnunet(path: Path) -> dict[str, Any]:
    cases = [{"prediction_file": f"{name}.nii.gz", "metrics": {"1": {"Dice": 0.9}}} for name in ("one", "two")]
    path.write_text(json.dumps({"metric_per_case": cases}))
    return {"kind": "nnunet_summary", "path": path}


def landmark_errors(path: Path) -> dict[str, Any]:
    path.write_text('{"one": {"nasion": 1.5}, "two": {"nasion": null}}')
    return {"kind": "landmarks", "path": path}


def decisions(path: Path) -> dict[str, Any]:
    path.write_text('[{"case": "one", "predicted": "benign"}, {"case": "two", "predicted": "malignant"}]')
    return {"kind": "classification", "path": path, "classifier": "triage"}


EXAMPLES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "folder": a_folder,
    "nifti": label_maps,
    "jobs": a_job_log,
    "consent": a_register_of_consent,
    "roster": a_roster,
    "tracker": a_progress_table,
    "lesions": a_table_of_lesions,
    "clinical": clinical_variables,
    "sequences": kinds_of_sequences,
    "annotation": a_log_of_annotation,
    "learning": rounds_of_learning,
    "images": images_with_a_table,
    "pairs": pairs_of_label_maps,
    "ensemble": members_of_an_ensemble,
    "nnunet_summary": a_summary_of_nnunet,
    "landmarks": landmark_errors,
    "classification": decisions,
}
"""For each kind: makes two items at a path, and gives the settings of a source that holds them."""


def an_airflow(path: Path, running: ExitStack) -> dict[str, Any]:
    write_runs(path, a_run("1"), a_run("2"))
    return {"kind": "airflow", "url": running.enter_context(airflow_at(Airflow(path))).url, "tries": 1}


def an_archive(path: Path, running: ExitStack) -> dict[str, Any]:
    a_folder(path)
    return {"kind": "dicomweb", "url": running.enter_context(archive_at(PlainArchive(path))).url, "tries": 1}


def a_page_of_gauges(path: Path, running: ExitStack) -> dict[str, Any]:
    path.write_text("# TYPE one gauge\none 1\n# TYPE two gauge\ntwo 2\n")
    server = running.enter_context(served(lambda _: Answer(path.read_bytes()) if path.exists() else Answer(status=503)))
    return {"kind": "prometheus", "url": server.url, "allow": ("one", "two"), "tries": 1}


def a_platform(path: Path, running: ExitStack) -> dict[str, Any]:
    """An image and a run."""
    a_folder(path)
    (path / "two.dcm").unlink()
    write_runs(path, a_run("1"))
    server = running.enter_context(platform_at(path))
    return {"kind": "kaapana", "url": server.url, "gauges_path": None, "tries": 1}


SERVERS: dict[str, Callable[[Path, ExitStack], dict[str, Any]]] = {
    "airflow": an_airflow,
    "dicomweb": an_archive,
    "kaapana": a_platform,
    "prometheus": a_page_of_gauges,
}
"""The same for kinds that ask a server; it serves what is at the path, and is down when that is gone."""


class Example:
    def __init__(self, kind: str, folder: Path, inventory: Inventory, running: ExitStack) -> None:
        self.path = folder / "source"
        made = SERVERS[kind](self.path, running) if kind in SERVERS else EXAMPLES[kind](self.path)
        self.settings = kinds()[kind].Settings(name="under-test", **made)
        self.inventory = inventory

    def open(self) -> Source:
        return open_source(self.settings, SiteContext(Pseudonyms(bytes(32)), lambda: NOW))

    def records(self) -> int:
        frames = (self.inventory.series_frame(), self.inventory.segmentations_frame(), self.inventory.jobs_frame())
        compared = self.inventory.agreements_frame()["comparison_key"].nunique()
        others = (self.inventory.landmarks_frame(), self.inventory.classifications_frame())
        return sum(len(frame) for frame in (*frames, *others)) + compared + self._kept()

    def _kept(self) -> int:
        """What sources of lists keep instead of records."""
        if self.settings.kind == "consent":
            return len(withdrawn_patients(self.inventory, "under-test"))
        if self.settings.kind == "roster":
            return len(patients_on(self.inventory, "under-test"))
        if self.settings.kind == "prometheus":
            return len(kept_gauges(self.inventory, "under-test"))
        if self.settings.kind == "tracker":
            return sum(map(len, tracked_stages(self.inventory, "under-test").values()))
        if self.settings.kind == "lesions":
            return len(changes_in(self.inventory, "under-test"))
        if self.settings.kind == "learning":
            return len(rounds_in(self.inventory, "under-test"))
        if self.settings.kind == "annotation":
            return len(efforts_in(self.inventory, "under-test"))
        if self.settings.kind == "clinical":
            return len(values_in(self.inventory, "under-test"))
        if self.settings.kind == "sequences":
            return len(told_in(self.inventory, "under-test"))
        return 0


@pytest.fixture(params=sorted({*EXAMPLES, *SERVERS}))
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    with ExitStack() as running:
        inventory = running.enter_context(Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW))
        yield Example(request.param, tmp_path, inventory, running)


def test_every_kind_has_an_example() -> None:
    assert {*EXAMPLES, *SERVERS} == set(kinds())


def test_every_kind_has_its_section_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()

    assert {kind for kind in kinds() if f"\n## `{kind}`\n" not in page} == set()


def test_a_scan_finds_what_is_there(example: Example) -> None:
    result = example.open().scan(example.inventory, NoProgress())

    assert result.read == 2
    assert example.records() == 2


def test_a_second_scan_reads_nothing_again(example: Example) -> None:
    example.open().scan(example.inventory, NoProgress())

    assert example.open().scan(example.inventory, NoProgress()).read == 0
    assert example.records() == 2


def test_a_source_that_is_down_says_so_and_keeps_what_the_inventory_had(example: Example) -> None:
    example.open().scan(example.inventory, NoProgress())
    example.path.rename(example.path.with_name("unmounted"))

    assert not all(finding.ok for finding in example.open().check())
    with pytest.raises(SourceUnavailable) as caught:
        example.open().scan(example.inventory, NoProgress())

    assert caught.value.temporary
    assert "under-test" not in str(caught.value)  # whoever shows the message names the source
    assert example.records() == 2


def test_a_healthy_source_passes_its_own_check(example: Example) -> None:
    findings = example.open().check()

    assert findings
    assert findings[0].ok


def test_reading_changes_nothing_in_the_source(example: Example) -> None:
    def tree() -> dict[str, tuple[int, int]]:
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in (example.path, *example.path.rglob("*"))}

    before = tree()
    example.open().scan(example.inventory, NoProgress())

    assert tree() == before


def test_an_interrupted_scan_loses_nothing_and_the_next_one_finishes(example: Example) -> None:
    class Interrupting(NoProgress):
        def advance(self, items: int = 1) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        example.open().scan(example.inventory, Interrupting())
    example.open().scan(example.inventory, NoProgress())

    assert example.records() == 2
