"""nnU-Net summaries, landmark files and classifier tables as sources: what tools write, and what people break."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.classification import ClassificationSource
from studyscope_exporter.sources.classification import Settings as ClassificationSettings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.landmarks import LandmarksSource
from studyscope_exporter.sources.landmarks import Settings as LandmarkSettings
from studyscope_exporter.sources.nnunet_summary import NnunetSummarySource
from studyscope_exporter.sources.nnunet_summary import Settings as SummarySettings
from studyscope_exporter.sources.source import NoProgress, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
SUMMARY = Path(__file__).with_name("nnunetv2-2.8.1-summary.json")
BY_CASE = {"by": "pattern", "pattern": "{PatientID}"}


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


def summary(path: Path, **stated: Any) -> NnunetSummarySource:
    content = {"name": "validation", "kind": "nnunet_summary", "path": path, "link": BY_CASE} | stated
    return NnunetSummarySource(SummarySettings.model_validate(content), SiteContext(PSEUDONYMS, now))


def landmarks(path: Path, **stated: Any) -> LandmarksSource:
    content = {"name": "points", "kind": "landmarks", "path": path, "link": BY_CASE} | stated
    return LandmarksSource(LandmarkSettings.model_validate(content), SiteContext(PSEUDONYMS, now))


def classified(path: Path, **stated: Any) -> ClassificationSource:
    content = {"name": "triage", "kind": "classification", "path": path, "classifier": "triage", "link": BY_CASE} | stated
    return ClassificationSource(ClassificationSettings.model_validate(content), SiteContext(PSEUDONYMS, now))


def errors(inventory: Inventory) -> dict[str, Any]:
    frame = inventory.landmarks_frame()
    return {
        row.landmark: None if math.isnan(row.error_mm) else pytest.approx(row.error_mm)
        for row in frame[frame["patient_key"] == PSEUDONYMS.patient("case_1")].itertuples()
    }


def test_a_real_nnunet_summary_with_bare_nan_fills_dice_and_volume_difference(inventory: Inventory, tmp_path: Path) -> None:
    folder = tmp_path / "Dataset1" / "trainer" / "fold_0" / "validation"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_bytes(SUMMARY.read_bytes())
    (tmp_path / "Dataset1" / "trainer" / "dataset.json").write_text(json.dumps({"labels": {"Spleen": 1, "Liver": 5, "none": 51}}))

    result = summary(folder / "summary.json", algorithm_version="2.8.1").scan(inventory, NoProgress())

    cases = {
        Path(case["prediction_file"]).name[:8]: case["metrics"] for case in json.loads(SUMMARY.read_text())["metric_per_case"]
    }
    rows = inventory.agreements_frame()
    assert (result.seen, result.read, result.unlinked) == (2, 2, 0)
    for case, metrics in cases.items():
        of_case = rows[rows["patient_key"] == PSEUDONYMS.patient(case)].set_index("structure")
        assert set(of_case.index) == {"spleen", "liver", "none", "label 2", "label 3", "label 117"}
        assert of_case.loc["liver", "dice"] == metrics["5"]["Dice"]
        sizes = metrics["1"]["n_pred"], metrics["1"]["n_ref"]
        assert of_case.loc["spleen", "volume_difference"] == pytest.approx(abs(sizes[0] - sizes[1]) / (sum(sizes) / 2))
        assert math.isnan(of_case.loc["none", "dice"])
    assert set(rows["algorithm"]) == {"nnu-net"}
    assert set(rows["noise"]) == {None}


def test_regions_of_several_labels_have_the_name_of_the_region(inventory: Inventory, tmp_path: Path) -> None:
    metrics = {"(1, 2)": {"Dice": 0.9, "n_pred": 9, "n_ref": 9}, "2": {"Dice": 0.5}, "nonsense": {"Dice": 1.0}}
    (tmp_path / "summary.json").write_text(json.dumps({"metric_per_case": [{"prediction_file": "a.nii.gz", "metrics": metrics}]}))

    summary(tmp_path / "summary.json", labels={"whole": (1, 2), "core": 2}).scan(inventory, NoProgress())

    assert dict(inventory.agreements_frame()[["structure", "dice"]].itertuples(index=False)) == {"whole": 0.9, "core": 0.5}


def test_a_summary_that_is_evaluated_anew_replaces_only_what_changed(inventory: Inventory, tmp_path: Path) -> None:
    content = json.loads(SUMMARY.read_text())
    (tmp_path / "summary.json").write_text(json.dumps(content))
    source = summary(tmp_path / "summary.json")
    source.scan(inventory, NoProgress())
    assert source.scan(inventory, NoProgress()).read == 0

    content["metric_per_case"][0]["metrics"]["1"]["Dice"] = 0.5
    (tmp_path / "summary.json").write_text(json.dumps(content))
    result = source.scan(inventory, NoProgress())

    assert (result.read, result.removed) == (1, 1)
    assert 0.5 in set(inventory.agreements_frame()["dice"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"metric_per_case": 3}', "metric_per_case"),
        ('{"results": {}}', "summary.json of nnU-Net"),
    ],
)
def test_a_file_that_is_no_summary_says_so_and_keeps_what_was_there(
    inventory: Inventory, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(SUMMARY.read_bytes())
    summary(path).scan(inventory, NoProgress())
    path.write_text(text)

    with pytest.raises(SourceUnavailable, match=message):
        summary(path).scan(inventory, NoProgress())

    assert inventory.agreements_frame()["comparison_key"].nunique() == 2


def test_cases_that_cannot_be_used_are_told_by_their_place(inventory: Inventory, tmp_path: Path) -> None:
    good = {"prediction_file": "case_1.nii.gz", "metrics": {"1": {"Dice": 0.9}}}
    (tmp_path / "summary.json").write_text(json.dumps({"metric_per_case": [good, good, 3, {"metrics": {}}]}))

    result = summary(tmp_path / "summary.json").scan(inventory, NoProgress())

    assert result.seen == 1
    assert result.to_mend == [
        "line 2: a case that is there twice",
        "lines 3, 4: a case without a prediction file and metrics",
    ]
    assert [finding.ok for finding in summary(tmp_path / "summary.json").check()] == [True, False, False]


def test_errors_as_nnlandmark_evaluates_them(inventory: Inventory, tmp_path: Path) -> None:
    content = {"MRE_micro": 1.5, "SRD_2mm": 0.5, "detailed_results": {"case_1": {"Nasion": 1.25, "sella": 4.5}}}
    (tmp_path / "summary_mm.json").write_text(json.dumps(content))

    landmarks(tmp_path / "summary_mm.json").scan(inventory, NoProgress())

    assert errors(inventory) == {"nasion": 1.25, "sella": 4.5}


def test_errors_in_voxels_are_refused_with_the_name_of_the_right_file(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "summary_voxel.json").write_text(json.dumps({"MRE_micro": 1.5, "detailed_results": {"case_1": {"n": 1.25}}}))

    with pytest.raises(SourceUnavailable, match=r"summary_mm\.json"):
        landmarks(tmp_path / "summary_voxel.json").scan(inventory, NoProgress())


def test_voxel_coordinates_are_held_against_a_reference_in_millimetres(inventory: Inventory, tmp_path: Path) -> None:
    files = {
        "found": {"case_1": {"a": [10, 10, 10], "b": [1, 1, 1], "c": None}, "case_2": {"a": [0, 0, 0]}},
        "truth": {"case_1": {"a": [13, 14, 10], "c": [1, 1, 1]}},
        "spacing": {"case_1": {"image_spacing": [0.5, 0.5, 2.0], "annotation_spacing": None}},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    stated = {"reference": tmp_path / "truth.json", "spacing": tmp_path / "spacing.json"}

    result = landmarks(tmp_path / "found.json", **stated).scan(inventory, NoProgress())

    assert errors(inventory) == {"a": 2.5, "b": None, "c": None}
    found = dict(inventory.landmarks_frame()[["landmark", "found"]].itertuples(index=False))
    assert found == {"a": True, "b": True, "c": False}
    assert result.unreadable == {"a case without a spacing": 1}


def test_a_table_of_errors_with_its_own_columns_and_a_comma_in_the_number(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    path.write_text("Fall;Punkt;Fehler\ncase_1;Nasion;1,5\ncase_1;Sella;\ncase_1;Nasion;2\ncase_1;Basion;-3\n;x;1\n")
    columns = {"case": "Fall", "landmark": "Punkt", "error": "Fehler"}

    result = landmarks(path, columns=columns).scan(inventory, NoProgress())

    assert errors(inventory) == {"nasion": 1.5, "sella": None}
    assert result.to_mend == [
        "line 4: a landmark that its case has already",
        "line 6: names no case or no landmark",
        "line 5: the error is no length in mm",
    ]


def test_decisions_from_a_table_with_scores_and_references(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "triage.csv"
    path.write_text("id,label,p,truth\ncase_1,Malignant,0.93,benign\ncase_2,benign,,\ncase_2,benign,,\ncase_3,benign,7,\n")
    columns = {"case": "id", "predicted": "label", "score": "p", "reference": "truth"}

    result = classified(path, columns=columns, version="1.2").scan(inventory, NoProgress())

    rows = inventory.classifications_frame().set_index("patient_key")
    first = rows.loc[PSEUDONYMS.patient("case_1")]
    assert (first["predicted"], first["score"], first["reference"], first["model_version"]) == (
        "malignant",
        0.93,
        "benign",
        "1.2",
    )
    assert math.isnan(rows.loc[PSEUDONYMS.patient("case_2"), "score"])
    assert (result.seen, result.unreadable) == (2, {"a case that is there twice": 1, "the score is no number from 0 to 1": 1})


@pytest.mark.parametrize(("stated", "known"), [("confidence", 0.8), ("uncertainty", 0.2)])
def test_a_model_states_how_sure_or_how_unsure_it_is(inventory: Inventory, tmp_path: Path, stated: str, known: float) -> None:
    (tmp_path / "phases.csv").write_text("case,predicted,sure\ncase_1,portal,0.8\ncase_2,native,\ncase_3,native,very\n")

    result = classified(tmp_path / "phases.csv", columns={stated: "sure"}).scan(inventory, NoProgress())

    rows = inventory.classifications_frame().set_index("patient_key")["confidence"]
    assert rows[PSEUDONYMS.patient("case_1")] == pytest.approx(known)
    assert math.isnan(rows[PSEUDONYMS.patient("case_2")])
    assert result.unreadable == {"the confidence or uncertainty is no number from 0 to 1": 1}


def test_a_model_that_states_both_is_asked_which_one_counts(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="say either `confidence` or `uncertainty`, not both"):
        classified(tmp_path / "phases.csv", columns={"confidence": "sure", "uncertainty": "unsure"})


@pytest.mark.parametrize("as_list", [True, False])
def test_decisions_from_json_linked_by_a_field(inventory: Inventory, tmp_path: Path, as_list: bool) -> None:
    rows = {"x1": {"predicted": 1, "p": 0.75, "patient": "Ada"}, "x2": {"predicted": 0, "p": 1, "patient": "Ben"}}
    content = [{"case": case} | row for case, row in rows.items()] if as_list else rows
    (tmp_path / "triage.json").write_text(json.dumps(content))

    result = classified(tmp_path / "triage.json", columns={"score": "p"}, link={"by": "field", "field": "patient"}).scan(
        inventory, NoProgress()
    )

    found = inventory.classifications_frame().set_index("patient_key")
    assert (result.read, result.unlinked) == (2, 0)
    assert tuple(found.loc[PSEUDONYMS.patient("Ada"), ["predicted", "score"]]) == ("1", 0.75)
    assert tuple(found.loc[PSEUDONYMS.patient("Ben"), ["predicted", "score"]]) == ("0", 1.0)


def test_a_table_without_the_column_names_those_that_there_are(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "triage.csv").write_text("id,label\ncase_1,benign\n")

    with pytest.raises(SourceUnavailable, match="has no column 'case' and no 'predicted' among the 2") as problem:
        classified(tmp_path / "triage.csv").scan(inventory, NoProgress())
    assert problem.value.in_full.endswith("there are: id, label")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["case", "predicted", "metric_per_case", "metrics", "prediction_file", "1", "Dice", "n_pred", "", "\ud800"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JSON)
def test_any_json_gives_results_or_a_sentence(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content))

    for source in (summary(path), landmarks(path, reference=path, spacing=path), classified(path)):
        findings = source.check()
        assert findings
        assert all(finding.message for finding in findings)


def test_a_name_that_no_encoding_knows_is_a_name_all_the_same(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(r'{"\ud800": {"nasion": 1.0}, "\ud83d\ude00": {"nasion": 1.0}}')

    assert landmarks(path).scan(inventory, NoProgress()).seen == 2


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_give_results_or_a_sentence(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    raw = bytearray(SUMMARY.read_bytes())
    for at in random.integers(0, len(raw), 8):
        raw[at] = random.integers(256)
    for ending in ("json", "csv"):
        (tmp_path / f"any.{ending}").write_bytes(bytes(raw[: random.integers(len(raw))]))
        for source in (summary, landmarks, classified):
            assert source(tmp_path / f"any.{ending}").check()
