"""How far a study is: patients, and the stages they passed."""

from studyscope_contract.metric import Dimension, Kind, Table, Unit
from studyscope_contract.vocabulary import STAGES

PATIENTS = Table(
    id="population",
    metric="study_patients",
    kind=Kind.POPULATION,
    unit=Unit.PATIENT,
    help="Patients of the study at the site.",
    rule="A patient counts with the first series that meets the study's cohort rules.",
)

STAGE = Table(
    id="stage",
    metric="study_patients_by_stage",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the stage they are in now.",
    rule="A patient is in the last stage of the study that was found for them.",
    dimensions=(Dimension("stage", STAGES),),
    reportable=True,
)

REACHED = Table(
    id="reached",
    metric="study_patients_reached",
    kind=Kind.NESTED,
    unit=Unit.PATIENT,
    help="Patients who reached each stage, whether or not they have passed it since.",
    rule="A patient counts in the stage they are in and in every stage before it.",
    dimensions=(Dimension("stage", STAGES),),
    reportable=True,
)

ROSTER_STATE = Table(
    id="roster_state",
    metric="study_patients_by_roster_state",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients with images of the study by whether they are on the site's list of expected patients.",
    rule="Whether the patient is on the site's roster; the roster itself never leaves.",
    dimensions=(Dimension("roster", ("expected", "unexpected")),),
    subpopulation=True,
    reportable=True,
)

TABLES = (PATIENTS, STAGE, REACHED, ROSTER_STATE)
