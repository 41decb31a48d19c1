"""Tables of quality, landmarks, classification and lesions, from records in an inventory."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from studyscope_contract.catalogue import TABLES
from studyscope_contract.definition import definition
from studyscope_contract.metric import TableKey
from studyscope_contract.study import Study
from studyscope_exporter.collectors import StudyRecords, collect
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.inventory.reading import Record
from studyscope_exporter.records import (
    Agreement,
    Classification,
    Comparison,
    ImagingSeries,
    LandmarkError,
    LandmarkResult,
    Segmentation,
    StructureVolume,
)

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
CONTENT: dict[str, Any] = {
    "schema": 1,
    "id": "liver",
    "title": "Liver",
    "version": 1,
    "leads": [{"name": "L", "mail": "l@study.example"}],
    "sites": [{"id": "b", "name": "B", "city": "B", "latitude": 0, "longitude": 0, "member_from": "2026-01-01"}],
    "structures": [{"code": "liver", "label": "Liver", "synonyms": ["Leber"]}],
    "algorithm": {"name": "nnU-Net", "version": "2"},
    "landmarks": [{"code": "nasion", "label": "Nasion", "synonyms": ["N"]}],
    "classifiers": [{"id": "triage", "title": "Triage", "positive": ["Malignant", "suspicious"]}],
}
STUDY = Study.model_validate(CONTENT)
numbers = itertools.count(1)


def published_as(cut: str) -> Study:
    (classifier,) = CONTENT["classifiers"]
    return Study.model_validate(CONTENT | {"classifiers": [classifier | {"published": cut}]})


def key(text: str) -> bytes:
    return text.encode().ljust(16, b".")


def an_image(patient: str, **other: Any) -> ImagingSeries:
    base = ImagingSeries(
        series_key=key(f"s{next(numbers)}"),
        study_key=key(f"study {patient}"),
        patient_key=key(patient),
        modality="CT",
        vendor="siemens",
        model_class="other",
        body_part="abdomen",
        sex="F",
        age_years=50,
        acquired_on=dt.date(2026, 3, 1),
        slice_thickness_mm=1.0,
        field_strength_tesla=None,
        identity_removed="yes",
        burned_in="no",
        synthetic=False,
    )
    return replace(base, **other)


def compared(patient: str, *agreements: Agreement, **other: Any) -> Comparison:
    base = Comparison(
        key(f"c{next(numbers)}"), key(patient), None, None, "nnu-net", "2", "automatic", "second", tuple(agreements)
    )
    return replace(base, **other)


def liver(dice: float | None, noise: str = "", **other: Any) -> Agreement:
    return replace(Agreement("leber", dice, 0.97, 2.5, 0.04, noise), **other)


def a_case(patient: str, predicted: str, score: float | None = None, reference: str = "", **other: Any) -> Classification:
    base = Classification(key(f"k{next(numbers)}"), key(patient), None, None, "triage", "", predicted, score, reference)
    return replace(base, **other)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as opened:
        for patient in "pqrs":
            opened.put("archive", key(f"image {patient}"), [an_image(patient)])
        yield opened


def counts(inventory: Inventory, records: list[Record], table: str, per: str = "", study: Study = STUDY) -> dict[str, int]:
    for record in records:
        inventory.put("results", key(f"i{next(numbers)}"), [record])
    found = collect(StudyRecords(inventory, study, NOW))[TableKey(table, per)]
    return dict(Counter(cell[0] for cells in found.values() for cell in cells))


def test_a_comparison_fills_the_four_measures_of_a_structure(inventory: Inventory) -> None:
    records: list[Record] = [compared("p", liver(0.93)), compared("q", liver(0.2, surface_dice=None, hausdorff_mm=60.0))]

    assert counts(inventory, records, "structure_dice", "liver") == {"0.95": 1, "0.5": 1}
    assert counts(inventory, [], "structure_surface_dice", "liver") == {"+Inf": 1}
    assert counts(inventory, [], "structure_hausdorff", "liver") == {"3.0": 1, "+Inf": 1}
    assert counts(inventory, [], "structure_volume_difference", "liver") == {"0.05": 2}


def test_the_latest_comparison_of_a_patient_counts(inventory: Inventory) -> None:
    first, second = compared("p", liver(0.93), comparison_key=key("a")), compared("p", liver(0.55), comparison_key=key("b"))

    assert counts(inventory, [second, first], "structure_dice", "liver") == {"0.6": 1}


@pytest.mark.parametrize(
    "other", [{"review_state": "manual"}, {"review_state": "corrected"}, {"algorithm": "x"}, {"algorithm_version": "1"}]
)
def test_what_a_person_drew_and_what_another_algorithm_made_is_not_compared(inventory: Inventory, other: dict[str, str]) -> None:
    assert counts(inventory, [compared("p", liver(0.9), **other)], "structure_dice", "liver") == {}
    assert counts(inventory, [], "label_noise") == {}


def test_kinds_of_noise_are_those_of_all_structures_and_none_where_there_is_none(inventory: Inventory) -> None:
    unnamed = Agreement("gallbladder", 0.0, None, None, None, "extra_structure")
    records: list[Record] = [
        compared("p", liver(0.7, "boundary_shift over_segmentation"), unnamed),
        compared("q", liver(0.95)),
        compared("stranger", liver(0.5, "label_swap")),
    ]

    assert counts(inventory, records, "label_noise") == {
        "boundary_shift": 1,
        "over_segmentation": 1,
        "extra_structure": 1,
        "none": 1,
    }


def test_landmarks_are_found_by_their_synonyms_and_errors_need_a_reference(inventory: Inventory) -> None:
    def result(patient: str, *found: LandmarkError) -> LandmarkResult:
        return LandmarkResult(key(f"l{next(numbers)}"), key(patient), None, None, found)

    records: list[Record] = [
        result("p", LandmarkError("n", True, 1.2), LandmarkError("sella", True, 9.0)),
        result("q", LandmarkError("nasion", True, None)),
        result("r", LandmarkError("nasion", False, None)),
        result("s", LandmarkError("sella", True, 1.0)),
    ]

    assert counts(inventory, records, "landmark_state", "nasion") == {"found": 2, "missing": 2}
    assert counts(inventory, [], "landmark_error", "nasion") == {"2.0": 1}


def test_a_decision_is_held_against_the_classes_that_the_study_calls_positive(inventory: Inventory) -> None:
    records: list[Record] = [
        a_case("p", "malignant", 0.93, "suspicious"),
        a_case("q", "benign", 0.35, "malignant"),
        a_case("r", "suspicious", 0.7, "benign"),
        a_case("s", "benign", 0.1),
        a_case("s", "malignant", 0.9, "malignant", classifier="another"),
    ]

    assert counts(inventory, records, "classification_result", "triage") == {"positive": 2, "negative": 2}
    assert counts(inventory, [], "classification_outcome", "triage") == {
        "true_positive": 1,
        "false_negative": 1,
        "false_positive": 1,
    }
    assert counts(inventory, [], "score_of_positives", "triage") == {"+Inf": 1, "0.4": 1}
    assert counts(inventory, [], "score_of_negatives", "triage") == {"0.7": 1}


def test_a_classifier_that_is_published_as_calibration_counts_right_decisions_by_confidence(inventory: Inventory) -> None:
    """Where the model states no confidence it follows from the score: 0.1 against malignant is 0.9, and in the band under it."""
    calibrated = published_as("calibration")
    records: list[Record] = [
        an_image("t"),
        an_image("u"),
        a_case("p", "malignant", 0.95, "suspicious"),
        a_case("q", "benign", 0.1, "benign"),
        a_case("r", "malignant", 0.6, "benign"),
        a_case("s", "suspicious", 0.95, "malignant", confidence=0.75),
        a_case("t", "benign", None, "benign"),
        a_case("u", "benign", 0.2, ""),
    ]

    bands = {"0.9-1": 1, "0.8-0.9": 1, "0-0.6": 1, "0.7-0.8": 1}
    assert counts(inventory, records, "confidence", "triage", calibrated) == bands
    assert counts(inventory, [], "correctness", "triage", calibrated) == {"right": 3, "wrong": 2}


def test_cases_with_a_reference_leave_in_one_cut_only() -> None:
    """Who is right is who is truly positive or truly negative: both cuts of the same people say more than either."""
    outcome = {"classification_outcome", "score_of_positives", "score_of_negatives"}
    calibration = {"confidence", "correctness", "correctness_by_confidence"}
    for published, there in (("outcome", outcome), ("calibration", calibration)):
        assert {key.table for key, _ in published_as(published).tables() if key.per == "triage"} == there | {
            "classification_result"
        }


def test_in_which_cut_a_classifier_leaves_changes_no_other_definition() -> None:
    result = TABLES["classification_result"]
    names = {definition(study, TableKey(result.id, "triage"), result) for study in (STUDY, published_as("calibration"))}

    assert len(names) == 1


def test_lesions_of_one_structure_add_up_and_none_is_a_number_too(inventory: Inventory) -> None:
    def result(patient: str, *structures: StructureVolume) -> Segmentation:
        return Segmentation(
            key(f"g{next(numbers)}"), key(patient), None, None, "nnu-net", "2", "automatic", "", tuple(structures)
        )

    records: list[Record] = [
        result("p", StructureVolume("liver", 3.0, 2), StructureVolume("leber", 1.0, 1)),
        result("q", StructureVolume("liver", 0.0, 0)),
        result("r", StructureVolume("liver", 3.0)),
    ]

    assert counts(inventory, records, "lesions", "liver") == {"3.0": 1, "0.0": 1}


def test_kinds_of_mr_sequence_are_of_mr_alone_and_sides_of_every_image(inventory: Inventory) -> None:
    records: list[Record] = [
        an_image("p", modality="MR", mr_sequence="t1", laterality="left"),
        an_image("p", modality="MR", mr_sequence="t2", laterality="left"),
    ]

    assert counts(inventory, records, "mr_sequence") == {"t1": 1, "t2": 1}
    assert counts(inventory, [], "laterality") == {"left": 1, "not_stated": 4}


def test_one_series_decides_that_identity_is_there_or_text_burned_in_and_all_that_it_is_not(inventory: Inventory) -> None:
    records: list[Record] = [
        an_image("p", identity_removed="no", burned_in="yes"),
        an_image("q", identity_removed="not_stated", burned_in="not_stated"),
    ]

    assert counts(inventory, records, "identity_removed") == {"no": 1, "not_stated": 1, "yes": 2}
    assert counts(inventory, [], "burned_in") == {"yes": 1, "not_stated": 1, "no": 2}


def test_a_result_that_knows_only_its_study_is_linked_once_the_images_are_there(inventory: Inventory) -> None:
    unlinked = compared("p", liver(0.93), patient_key=None, study_key=key("study p"))
    inventory.put("results", key("one"), [unlinked])
    assert inventory.unlinked("results") == 1

    inventory.link_results("results")

    assert inventory.unlinked("results") == 0
    assert counts(inventory, [], "structure_dice", "liver") == {"0.95": 1}


def test_an_item_that_is_put_again_replaces_its_result_and_one_that_is_removed_takes_its_parts_along(
    inventory: Inventory,
) -> None:
    inventory.put("results", key("one"), [compared("p", liver(0.93))])
    inventory.put("results", key("one"), [compared("p", liver(0.55))])
    assert counts(inventory, [], "structure_dice", "liver") == {"0.6": 1}

    inventory.remove("results", key("one"))

    assert len(inventory.agreements_frame()) == 0


@pytest.mark.parametrize(
    ("field", "twice"),
    [
        ("landmarks", [{"code": "a", "label": "Nasion"}, {"code": "nasion", "label": "B"}]),
        ("classifiers", [{"id": "a", "title": "A", "positive": ["x"]}, {"id": "a", "title": "B", "positive": ["x"]}]),
    ],
)
def test_a_study_names_a_landmark_or_classifier_once(field: str, twice: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError, match="appears twice"):
        Study.model_validate(CONTENT | {field: twice})
