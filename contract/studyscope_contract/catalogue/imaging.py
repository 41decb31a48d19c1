"""What was imaged, with what, and whom: the distributions of a study's image data."""

from studyscope_contract.metric import Dimension, Kind, Table, Unit, Within, edges
from studyscope_contract.vocabulary import AGE_BANDS, SEXES, load_code_list

ACQUISITION_YEARS = ("before-2010", *(str(year) for year in range(2010, 2041)), "not_stated")


def _not_stated(attribute: str) -> Within:
    """Of whom it is not known, an image series lacks the attribute."""
    return Within("attribute_completeness", ("missing",), cells=("not_stated",), per=attribute)


SEX = Table(
    id="sex",
    metric="study_patients_by_sex",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by sex.",
    rule="PatientSex (0010,0040) of the patient's first series, fixed at admission.",
    dimensions=(Dimension("sex", SEXES),),
    fixed_at_admission=True,
    within=(_not_stated("patient-sex"),),
)

AGE_BAND = Table(
    id="age_band",
    metric="study_patients_by_age_band",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by age at their first series.",
    rule="Age at the acquisition of the patient's first series, fixed at admission.",
    dimensions=(Dimension("age_band", AGE_BANDS),),
    fixed_at_admission=True,
    within=(_not_stated("patient-age"),),
)

ACQUISITION_YEAR = Table(
    id="acquisition_year",
    metric="study_patients_by_acquisition_year",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the year of their first series.",
    rule="The year in which the patient's first series was acquired, fixed at admission.",
    dimensions=(Dimension("year", ACQUISITION_YEARS),),
    fixed_at_admission=True,
    within=(_not_stated("acquisition-date"),),
)

VENDOR = Table(
    id="vendor",
    metric="study_patients_by_vendor",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the manufacturer of the device that imaged them first.",
    rule="Manufacturer (0008,0070) of the patient's first image series, fixed at admission.",
    dimensions=(Dimension("vendor", load_code_list("vendor").codes),),
    fixed_at_admission=True,
    within=(_not_stated("manufacturer"),),
)

MODEL_CLASS = Table(
    id="model_class",
    metric="study_patients_by_model_class",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the family of the device that imaged them first.",
    rule="Family of ManufacturerModelName (0008,1090) of the patient's first image series, fixed at admission.",
    dimensions=(Dimension("model_class", load_code_list("model_class").codes),),
    fixed_at_admission=True,
    within=(_not_stated("manufacturer-model-name"),),
)

MODALITY = Table(
    id="modality",
    metric="study_patients_by_modality",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Patients with at least one series of the modality; a patient can be in several.",
    rule="Every Modality (0008,0060) among the patient's series of the study.",
    dimensions=(Dimension("modality", load_code_list("modality").codes),),
    within=(_not_stated("modality"),),
)

BODY_PART = Table(
    id="body_part",
    metric="study_patients_by_body_part",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Patients with at least one series of the body region; a patient can be in several.",
    rule="Every region of BodyPartExamined (0018,0015) among the patient's image series of the study.",
    dimensions=(Dimension("body_part", load_code_list("body_part").codes),),
    within=(_not_stated("body-part-examined"),),
)

MR_SEQUENCE = Table(
    id="mr_sequence",
    metric="study_patients_by_mr_sequence",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Patients with at least one MR series of the kind of sequence; a patient can be in several.",
    rule="Every kind that a classifier of the site, else SeriesDescription (0008,103E), else ProtocolName (0018,1030), says of "
    "the patient's MR series.",
    dimensions=(Dimension("mr_sequence", load_code_list("mr_sequence").codes),),
    subpopulation=True,
    within=(Within("modality", ("MR",)),),
)

LATERALITY = Table(
    id="laterality",
    metric="study_patients_by_laterality",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Patients with at least one image series of the side; a patient can be in several.",
    rule="Every side that Laterality (0020,0060), else ImageLaterality (0020,0062), says of the patient's image series.",
    dimensions=(Dimension("laterality", load_code_list("laterality").codes),),
    within=(_not_stated("laterality"),),
)

IDENTITY_REMOVED = Table(
    id="identity_removed",
    metric="study_patients_by_identity_removed",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by whether their images say that the identity was removed.",
    rule="PatientIdentityRemoved (0012,0062): `no` where one image series says so, `yes` where all do, else `not_stated`.",
    dimensions=(Dimension("identity_removed", ("yes", "no", "not_stated")),),
    sensitive=True,
    within=(_not_stated("patient-identity-removed"),),
)

BURNED_IN = Table(
    id="burned_in",
    metric="study_patients_by_burned_in_annotation",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by whether their images say that text is burned into the pixels.",
    rule="BurnedInAnnotation (0028,0301): `yes` where one image series says so, `no` where all do, else `not_stated`.",
    dimensions=(Dimension("burned_in", ("yes", "no", "not_stated")),),
    sensitive=True,
    within=(_not_stated("burned-in-annotation"),),
)

SLICE_THICKNESS = Table(
    id="slice_thickness",
    metric="study_slice_thickness_millimeters",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by slice thickness of their first image series that states one.",
    rule="SliceThickness (0018,0050) of the patient's first image series that states one.",
    dimensions=(Dimension("le", edges(0.6, 1, 1.5, 2, 3, 5)),),
    subpopulation=True,
)

FIELD_STRENGTH = Table(
    id="field_strength",
    metric="study_field_strength_tesla",
    kind=Kind.HISTOGRAM,
    unit=Unit.PATIENT,
    help="Patients by magnetic field strength of their first MR series that states one.",
    rule="MagneticFieldStrength (0018,0087) of the patient's first MR series that states one.",
    dimensions=(Dimension("le", edges(1, 2, 4)),),
    subpopulation=True,
    within=(Within("modality", ("MR",)),),
)

STUDIES = Table(
    id="imaging_studies",
    metric="study_imaging_studies",
    kind=Kind.MAGNITUDE,
    unit=Unit.PATIENT,
    help="Imaging studies of the study's patients; of one patient at most 10 are counted.",
    rule="Different StudyInstanceUIDs (0020,000D) among the patient's image series of the study, at most 10.",
    subpopulation=True,
    clip=10,
)

SERIES = Table(
    id="image_series",
    metric="study_image_series",
    kind=Kind.MAGNITUDE,
    unit=Unit.PATIENT,
    help="Image series of the study's patients; of one patient at most 25 are counted.",
    rule="The patient's image series of the study, at most 25.",
    subpopulation=True,
    clip=25,
)

TABLES = (
    SEX,
    AGE_BAND,
    ACQUISITION_YEAR,
    VENDOR,
    MODEL_CLASS,
    MODALITY,
    BODY_PART,
    MR_SEQUENCE,
    LATERALITY,
    IDENTITY_REMOVED,
    BURNED_IN,
    SLICE_THICKNESS,
    FIELD_STRENGTH,
    STUDIES,
    SERIES,
)
