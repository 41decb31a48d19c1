"""How patients are followed: the protocol's time points, the time between them, and what became of lesions.

Measures of single lesions stay at the hospital (`studyscope-exporter measures`).
"""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, edges

TIME_POINT_STATE = Table(
    id="time_point_state",
    metric="study_time_point_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by whether they have images of the protocol's time point.",
    rule="`seen` with images in the window of the time point, counted in days from the patient's first images of the study; "
    "`missing` once the window has passed without, else `not_due`; patients whose images have no date are left out.",
    dimensions=(Dimension("state", ("seen", "missing", "not_due")),),
    per="time_point",
    subpopulation=True,
)

FOLLOW_UP_INTERVAL = Table(
    id="follow_up_interval",
    metric="study_follow_up_interval_days",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients seen at two time points or more, by the days between the last two.",
    rule="Days between the patient's last two time points with images, the first day of each; where the study names no time "
    "points, between the last two days with images.",
    dimensions=(Dimension("le", edges(14, 30, 60, 90, 120, 180, 270, 365, 730)),),
    subpopulation=True,
)

LESION_CHANGE = Table(
    id="lesion_change",
    metric="study_lesion_change_patients",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Followed patients with lesions that were found again, are new, or are gone; a patient can have all three.",
    rule="Whether any lesion was there on both of the patient's last two days in the site's table of lesions (`matched`), only "
    "on the last (`new`), or only on the day before it (`gone`); `none` where there was no lesion on either.",
    dimensions=(Dimension("change", ("matched", "new", "gone", "none")),),
    subpopulation=True,
    sensitive=True,
)

TABLES = (TIME_POINT_STATE, FOLLOW_UP_INTERVAL, LESION_CHANGE)
