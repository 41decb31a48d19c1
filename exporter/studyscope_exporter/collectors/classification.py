"""How classifiers decide, from each patient's latest case."""

from __future__ import annotations

import numpy as np

from studyscope_contract.catalogue import classification
from studyscope_contract.metric import Table
from studyscope_exporter.collectors.cells import Contribution, buckets, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords

_OUTCOMES = {
    (True, True): "true_positive",
    (False, True): "false_negative",
    (False, False): "true_negative",
    (True, False): "false_positive",
}
"""By (predicted positive, positive in the reference)."""
_BAND_EDGES = tuple(float(code.split("-")[1]) for code in classification.CONFIDENCE.dimensions[0].codes[:-1])
"""Upper edges of the bands of confidence but the last; an edge belongs to the band under it."""


def classification_result(records: StudyRecords, classifier: str) -> Contribution:
    cases = records.classifications(classifier)
    return one_cell(cases["patient_key"], ("positive" if found else "negative" for found in cases["predicted_positive"]))


def classification_outcome(records: StudyRecords, classifier: str) -> Contribution:
    cases = records.classifications(classifier)
    cases = cases[cases["reference"] != ""]
    agreed = zip(cases["predicted_positive"], cases["reference_positive"], strict=True)
    return one_cell(cases["patient_key"], (_OUTCOMES[bool(predicted), bool(truly)] for predicted, truly in agreed))


def _scores(table: Table, *, positive: bool) -> Collector:
    def collect(records: StudyRecords, classifier: str) -> Contribution:
        cases = records.classifications(classifier)
        cases = cases[(cases["reference"] != "") & (cases["reference_positive"] == positive)]
        return buckets(table, cases["patient_key"], cases["score"])

    return collect


def confidence(records: StudyRecords, classifier: str) -> Contribution:
    cases = records.classifications(classifier)
    cases = cases[(cases["reference"] != "") & cases["confidence"].notna()]
    (bands,) = classification.CONFIDENCE.dimensions
    places = np.searchsorted(_BAND_EDGES, np.round(cases["confidence"].to_numpy(float), 9))  # 1 - 0.3 is an edge
    return one_cell(cases["patient_key"], (bands.codes[place] for place in places))


def correctness(records: StudyRecords, classifier: str) -> Contribution:
    cases = records.classifications(classifier)
    cases = cases[cases["reference"] != ""]
    return one_cell(cases["patient_key"], ("right" if right else "wrong" for right in cases["right"]))


COLLECTORS: dict[str, Collector] = {
    classification.CLASSIFICATION_RESULT.id: classification_result,
    classification.CLASSIFICATION_OUTCOME.id: classification_outcome,
    classification.SCORE_OF_POSITIVES.id: _scores(classification.SCORE_OF_POSITIVES, positive=True),
    classification.SCORE_OF_NEGATIVES.id: _scores(classification.SCORE_OF_NEGATIVES, positive=False),
    classification.CONFIDENCE.id: confidence,
    classification.CORRECTNESS.id: correctness,
}
