"""How well landmarks are found, per landmark of the study.

The cumulative buckets of `landmark_error` are the success detection rate at each radius.
"""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within, edges

LANDMARK_STATE = Table(
    id="landmark_state",
    metric="study_landmark_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients with a landmark result in which the landmark was found or is missing.",
    rule="Whether the patient's latest landmark result holds the landmark.",
    dimensions=(Dimension("state", ("found", "missing")),),
    per="landmark",
    subpopulation=True,
    sensitive=True,
)

LANDMARK_ERROR = Table(
    id="landmark_error",
    metric="study_landmark_error_millimeters",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by the distance between the landmark as found and its reference.",
    rule="The radial error of the landmark in the patient's latest landmark result with a reference.",
    dimensions=(Dimension("le", edges(1, 2, 2.5, 3, 4, 5, 10)),),
    per="landmark",
    subpopulation=True,
    within=(Within(LANDMARK_STATE.id, ("found",)),),
)

TABLES = (LANDMARK_STATE, LANDMARK_ERROR)
