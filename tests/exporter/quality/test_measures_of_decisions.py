"""ROC area, calibration and risk-coverage against their definitions, and the command that shows them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main
from studyscope_exporter.quality.decisions import calibration_error, risk_coverage_area, roc_area

CASES = st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=40)


def arrays(cases: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score / 10 for score, _ in cases]), np.array([flag for _, flag in cases])


@given(CASES)
def test_the_roc_area_is_how_often_a_positive_scores_above_a_negative(cases: list[tuple[int, bool]]) -> None:
    scores, positive = arrays(cases)
    pairs = [(one > other) + (one == other) / 2 for one in scores[positive] for other in scores[~positive]]

    found = roc_area(scores, positive)

    assert found is None if not pairs else found == pytest.approx(np.mean(pairs))


@given(CASES)
def test_the_calibration_error_is_the_mean_gap_over_bins(cases: list[tuple[int, bool]]) -> None:
    confidence, right = arrays(cases)
    expected = 0.0
    for upper in range(1, 11):
        inside = np.isclose(confidence, upper / 10) | ((upper == 1) & (confidence == 0))
        if inside.any():
            expected += abs(confidence[inside].mean() - right[inside].mean()) * inside.sum() / len(cases)

    assert calibration_error(confidence, right) == pytest.approx(expected)


def test_a_classifier_that_is_sure_and_right_has_no_error_and_one_that_is_sure_and_wrong_has_all() -> None:
    sure, right = np.ones(5), np.ones(5, bool)

    assert calibration_error(sure, right) == 0
    assert calibration_error(sure, ~right) == 1
    assert risk_coverage_area(sure, right) == 0
    assert risk_coverage_area(sure, ~right) == 1


def test_the_risk_coverage_area_follows_the_surest_cases_first() -> None:
    confidence, right = np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, False, True])

    assert risk_coverage_area(confidence, right) == pytest.approx(np.mean([0, 1 / 2, 1 / 3, 2 / 4]))


@given(st.permutations(range(8)))
def test_cases_of_one_confidence_come_in_no_order(order: list[int]) -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.7, 0.7, 0.7])[order]
    right = np.array([True, False, True, False, False, True, True, False])[order]

    assert risk_coverage_area(confidence, right) == pytest.approx(
        np.mean([1 / 3, 1 / 3, 1 / 3, (4 / 3) / 4, (5 / 3) / 5, 2 / 6, 3 / 7, 4 / 8])
    )


def test_nothing_is_known_of_no_cases() -> None:
    none = np.zeros(0)

    assert calibration_error(none, none.astype(bool)) is None
    assert risk_coverage_area(none, none.astype(bool)) is None
    assert roc_area(np.array([0.3]), np.array([True])) is None


def test_a_site_sees_its_own_measures_and_is_told_to_keep_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        write_patient(tmp_path / "dicom", number, "F")
    (tmp_path / "study.yaml").write_text(
        "schema: 1\nid: liver\ntitle: Liver\nversion: 1\nleads: [{name: L, mail: l@study.example}]\n"
        "sites: [{id: berlin, name: B, city: B, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]\n"
        "structures: [{code: liver, label: Liver}]\nlandmarks: [{code: nasion, label: Nasion}]\nsuccess_radii_mm: [1.5, 3]\n"
        "classifiers: [{id: triage, title: Triage, positive: [malignant]}]\n"
    )
    patients = _patient_ids(tmp_path / "dicom")
    rows = zip(patients, ("malignant", "benign", "benign", "benign"), (0.9, 0.4, 0.2, 0.1), "mmbb", strict=True)
    words = {"m": "malignant", "b": "benign"}
    (tmp_path / "triage.csv").write_text("case,predicted,p,truth\n" + "".join(f"{a},{b},{c},{words[d]}\n" for a, b, c, d in rows))
    (tmp_path / "points.json").write_text(json.dumps({patient: {"nasion": at + 1.0} for at, patient in enumerate(patients)}))
    cases = [
        {"prediction_file": f"{patient}.nii.gz", "metrics": {"1": {"Dice": dice, "n_pred": 9, "n_ref": 11}}}
        for patient, dice in zip(patients, (0.9, 0.8, 0.7, float("nan")), strict=True)
    ]
    (tmp_path / "summary.json").write_text(json.dumps({"metric_per_case": cases}))
    link = "link: {by: pattern, pattern: '{PatientID}'}"
    (tmp_path / "site.yaml").write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources:\n  - {name: archive, kind: folder, path: dicom}\n"
        f"  - {{name: validation, kind: nnunet_summary, path: summary.json, labels: {{liver: 1}}, {link}}}\n"
        f"  - {{name: points, kind: landmarks, path: points.json, {link}}}\n"
        "  - {name: triage, kind: classification, path: triage.csv, classifier: triage,"
        f" columns: {{score: p, reference: truth}}, {link}}}\n"
        "studies:\n  - study_file: study.yaml\n    centre: {url: 'http://127.0.0.1:9'}\n"
        f"    approvers: [{{name: DPO, key: '{SigningKey.generate().public.text}'}}]\n"
    )
    for command in ("keygen", "scan"):
        assert main(["--config", str(tmp_path / "site.yaml"), command]) == 0
    capsys.readouterr()

    assert main(["--config", str(tmp_path / "site.yaml"), "measures", "--json"]) == 0

    printed = capsys.readouterr()
    found = {
        (one["subject"], one["name"]): (one["patients"], one["value"]) for one in json.loads(printed.out)["studies"]["liver"]
    }
    assert "do not pass them on" in printed.err
    assert found["structure liver", "Dice, median"] == (3, pytest.approx(0.8))
    assert found["structure liver", "volume difference, median, %"] == (4, pytest.approx(20.0))
    assert found["landmark nasion", "radial error, mean, mm"] == (4, pytest.approx(2.5))
    assert found["landmark nasion", "found within 1.5 mm, %"] == (4, pytest.approx(25.0))
    assert found["landmark nasion", "found within 3 mm, %"] == (4, pytest.approx(75.0))
    assert found["classifier triage", "sensitivity"] == (2, pytest.approx(0.5))
    assert found["classifier triage", "specificity"] == (2, pytest.approx(1.0))
    assert found["classifier triage", "area under the ROC curve"] == (4, pytest.approx(1.0))
    assert found["classifier triage", "malignant decided as benign, %"] == (2, pytest.approx(50.0))
    assert found["classifier triage", "benign decided as benign, %"] == (2, pytest.approx(100.0))
    assert main(["--config", str(tmp_path / "site.yaml"), "measures"]) == 0
    assert "balanced accuracy" in capsys.readouterr().out


def _patient_ids(folder: Path) -> list[str]:
    import pydicom

    return sorted({str(pydicom.dcmread(path).PatientID) for path in folder.rglob("*.dcm")})
