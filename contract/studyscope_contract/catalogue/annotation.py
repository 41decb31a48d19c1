"""What it took to make segmentations by hand or from a draft.

These tables touch on the work of people (privacy.md, "Readers"): they are nothing until the hospital's
policy declares them with a legal basis, need two approvers, and a site counts in them only what its logs
say of five readers or more, together. Minutes never leave the hospital.
"""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, edges

LEAST_READERS = 5
INTERACTIONS = ("accepted", "corrected", "prompted", "drawn", "other")
_WHERE = "where five readers or more worked on the study's patients at the site"

ANNOTATION_ROUNDS = Table(
    id="annotation_rounds",
    metric="study_annotation_rounds",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Annotated patients by how many rounds their annotation took.",
    rule=f"The highest round that the annotation log names for the patient, else its lines, {_WHERE}.",
    dimensions=(Dimension("le", edges(1, 2, 3, 5, 10)),),
    subpopulation=True,
    of_readers=True,
)

ANNOTATION_INTERACTION = Table(
    id="annotation_interaction",
    metric="study_annotation_patients_by_interaction",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Annotated patients by what readers did with the draft; a patient can be in several.",
    rule="Every kind that the annotation log names for the patient: `accepted` as it was, `corrected` by hand, `prompted` by "
    f"points, boxes or scribbles, `drawn` without a draft, {_WHERE}.",
    dimensions=(Dimension("interaction", INTERACTIONS),),
    subpopulation=True,
    of_readers=True,
)

DRAFT_DICE = Table(
    id="draft_dice",
    metric="study_draft_dice",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Annotated patients by the overlap (Dice, 0 to 1) of the first draft with the final annotation.",
    rule=f"The Dice coefficient of draft and final annotation that the annotation log states last for the patient, {_WHERE}.",
    dimensions=(Dimension("le", edges(0.5, 0.7, 0.8, 0.9, 0.95, 0.99)),),
    subpopulation=True,
    of_readers=True,
)

TABLES = (ANNOTATION_ROUNDS, ANNOTATION_INTERACTION, DRAFT_DICE)
