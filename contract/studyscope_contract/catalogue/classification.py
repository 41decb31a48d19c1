"""How a classifier or detector of the study decides per case, and how that agrees with a reference.

Cases with a reference leave in one of two cuts, as the study file says of the classifier. `outcome`:
sensitivity, specificity and balanced accuracy follow from `classification_outcome`; ROC and PR curves
from the two score histograms, one of the positives and one of the negatives of the reference.
`calibration`: a reliability diagram and a risk-coverage curve follow from the declared crossing of
`correctness` and `confidence` (privacy.md, tables are one-way by default). Never both: who is right is
by definition who is truly positive or truly negative, and two cuts of the same people, held against
one another, say more than the audit of each takes into account.
"""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within, edges

CLASSIFICATION_RESULT = Table(
    id="classification_result",
    metric="study_classified_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Classified patients by the classifier's decision.",
    rule="Whether the class of the patient's latest case is one that the study names as positive.",
    dimensions=(Dimension("result", ("positive", "negative")),),
    per="classifier",
    subpopulation=True,
    sensitive=True,
)

CLASSIFICATION_OUTCOME = Table(
    id="classification_outcome",
    metric="study_classification_outcome_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Classified patients with a reference by how the classifier's decision agrees with it.",
    rule="The decision on the patient's latest case against its reference, where it has one.",
    dimensions=(Dimension("outcome", ("true_positive", "false_negative", "true_negative", "false_positive")),),
    per="classifier",
    subpopulation=True,
    sensitive=True,
    within=(
        Within(CLASSIFICATION_RESULT.id, ("positive",), cells=("true_positive", "false_positive")),
        Within(CLASSIFICATION_RESULT.id, ("negative",), cells=("false_negative", "true_negative")),
    ),
)


def _score(table_id: str, metric: str, whose: str, outcomes: tuple[str, str]) -> Table:
    return Table(
        id=table_id,
        metric=metric,
        kind=Kind.HISTOGRAM,
        unit=Unit.PATIENT,
        help=f"Patients whom the reference calls {whose} by the classifier's score (0 to 1) for the positive class.",
        rule=f"The score of the patient's latest case, where its reference is {whose} and it has one.",
        dimensions=(Dimension("le", edges(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),),
        per="classifier",
        subpopulation=True,
        within=(Within(CLASSIFICATION_OUTCOME.id, outcomes),),
    )


SCORE_OF_POSITIVES = _score(
    "score_of_positives", "study_classification_score_of_positives", "positive", ("true_positive", "false_negative")
)
SCORE_OF_NEGATIVES = _score(
    "score_of_negatives", "study_classification_score_of_negatives", "negative", ("true_negative", "false_positive")
)

_CONFIDENCE_IS = "what the model itself states, else the score of the class decided on; an edge belongs to the band under it"

CONFIDENCE = Table(
    id="confidence",
    metric="study_decision_confidence_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Classified patients with a reference by how sure (0 to 1) the classifier is of its decision.",
    rule=f"The band of the confidence in the decision on the patient's latest case, where it has a reference: {_CONFIDENCE_IS}.",
    dimensions=(Dimension("confidence", ("0-0.6", "0.6-0.7", "0.7-0.8", "0.8-0.9", "0.9-1")),),
    per="classifier",
    subpopulation=True,
)

CORRECTNESS = Table(
    id="correctness",
    metric="study_decision_correctness_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Classified patients with a reference by whether the classifier's decision is right.",
    rule="Whether the decision on the patient's latest case is the reference's: the same class where the model states a "
    "confidence, else both or neither a class that the study names as positive.",
    dimensions=(Dimension("correctness", ("right", "wrong")),),
    per="classifier",
    subpopulation=True,
    sensitive=True,
)

AS_OUTCOME = (CLASSIFICATION_OUTCOME, SCORE_OF_POSITIVES, SCORE_OF_NEGATIVES)
"""The cut of a classifier that the study publishes as `outcome`."""
AS_CALIBRATION = (CONFIDENCE, CORRECTNESS)
"""The cut of one that it publishes as `calibration`; with their crossing, which a policy declares."""

TABLES = (CLASSIFICATION_RESULT, *AS_OUTCOME, *AS_CALIBRATION)
