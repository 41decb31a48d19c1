"""Whether what a study asks for is there: DICOM attributes and clinical variables.

`missing` is a field that says nothing; `not_mapped` says something that no code stands for.
"""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within

COMPLETENESS = ("present", "missing", "not_mapped")

ATTRIBUTE_COMPLETENESS = Table(
    id="attribute_completeness",
    metric="study_attribute_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by whether their images state the DICOM attribute that the study asks for.",
    rule="`missing` where one of the patient's image series lacks the attribute, else `not_mapped` where one states what is in "
    "no code list, else `present`; MagneticFieldStrength of MR series only.",
    dimensions=(Dimension("state", COMPLETENESS),),
    per="attribute",
    subpopulation=True,
    within=(
        Within("slice_thickness", cells=("present",), only="slice-thickness"),
        Within("field_strength", cells=("present",), only="magnetic-field-strength"),
    ),
)

VARIABLE_COMPLETENESS = Table(
    id="variable_completeness",
    metric="study_variable_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by whether the site's clinical table states the variable that the study asks for.",
    rule="`present` where the patient's last line that says something maps to a code of the study, `not_mapped` where it maps to "
    "none, `missing` where no line says anything or the patient has none.",
    dimensions=(Dimension("state", COMPLETENESS),),
    per="variable",
    subpopulation=True,
)

TABLES = (ATTRIBUTE_COMPLETENESS, VARIABLE_COMPLETENESS)
