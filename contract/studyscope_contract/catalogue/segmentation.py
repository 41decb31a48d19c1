"""How segmentations turn out, for the one algorithm and version that the study names."""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within, edges
from studyscope_contract.vocabulary import REVIEW_STATES, SEGMENT_STATES

STRUCTURE_STATE = Table(
    id="structure_state",
    metric="study_structure_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Segmented patients in whose segmentation the structure is present, missing or empty.",
    rule="The state of the structure in the patient's latest segmentation.",
    dimensions=(Dimension("state", SEGMENT_STATES),),
    per="structure",
    subpopulation=True,
    sensitive=True,
)

STRUCTURE_VOLUME = Table(
    id="structure_volume",
    metric="study_structure_volume_milliliters",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by the volume of the structure in their segmentation.",
    rule="The volume of the structure in the patient's latest segmentation, where it is present.",
    dimensions=(Dimension("le", edges(1, 5, 20, 50, 100, 200, 400, 800, 1200, 1600, 2000, 3000)),),
    per="structure",
    subpopulation=True,
    within=(Within("structure_state", ("present",)),),
)

EXTRA_STRUCTURES = Table(
    id="extra_structures",
    metric="study_extra_structure_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Segmented patients whose segmentation holds structures that the study does not name.",
    rule="Whether the patient's latest segmentation holds a non-empty structure outside the study's list.",
    dimensions=(Dimension("extra", ("none", "some")),),
    subpopulation=True,
    sensitive=True,
)

LESIONS = Table(
    id="lesions",
    metric="study_structure_lesions",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Segmented patients by how many separate parts (lesions) the structure has in their segmentation.",
    rule="Parts of the structure that touch nowhere, not even at a corner, in the patient's latest segmentation that holds it.",
    dimensions=(Dimension("le", edges(0, 1, 2, 3, 5, 10, 20)),),
    per="structure",
    subpopulation=True,
    within=(Within("structure_state", ("present", "empty")),),
)

REVIEW_STATE = Table(
    id="review_state",
    metric="study_segmented_patients_by_review_state",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Segmented patients by how their segmentation was made and reviewed.",
    rule="The review state of the patient's latest segmentation.",
    dimensions=(Dimension("review_state", REVIEW_STATES),),
    subpopulation=True,
)

TABLES = (STRUCTURE_STATE, STRUCTURE_VOLUME, LESIONS, EXTRA_STRUCTURES, REVIEW_STATE)
