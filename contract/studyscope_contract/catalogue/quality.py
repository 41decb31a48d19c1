"""How well the study's algorithm segments, where a second reading or a reference of the same image exists.

Only what the algorithm made by itself is compared: these tables describe the algorithm, never the
work of a person (privacy.md, "Readers"). The measures are defined in the exporter's `quality` package.
"""

from studyscope_contract.catalogue.segmentation import STRUCTURE_STATE
from studyscope_contract.metric import Dimension, Kind, Table, Unit, edges

LABEL_NOISE_CODES = (
    "none",
    "missing_structure",
    "extra_structure",
    "label_swap",
    "boundary_shift",
    "over_segmentation",
    "under_segmentation",
)
_COMPARED = "in the patient's latest comparison of an automatic result with a second reading or a reference that tells it"


def _measure(table_id: str, metric: str, help_text: str, what: str, bounds: tuple[str, ...]) -> Table:
    return Table(
        id=table_id,
        metric=metric,
        kind=Kind.HISTOGRAM,
        unit=Unit.PATIENT,
        help=help_text,
        rule=f"{what} {_COMPARED}.",
        dimensions=(Dimension("le", bounds),),
        per=STRUCTURE_STATE.per,
        subpopulation=True,
    )


STRUCTURE_DICE = _measure(
    "structure_dice",
    "study_structure_dice",
    "Compared patients by the overlap (Dice, 0 to 1) of the structure with the other reading.",
    "The Dice coefficient of the structure, where one of the two holds it,",
    edges(0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95),
)
STRUCTURE_SURFACE_DICE = _measure(
    "structure_surface_dice",
    "study_structure_surface_dice",
    "Compared patients by the share (0 to 1) of the structure's surface that lies within the tolerance of the other's.",
    "The normalised surface Dice of the structure, where both hold it,",
    edges(0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95),
)
STRUCTURE_HAUSDORFF = _measure(
    "structure_hausdorff",
    "study_structure_hausdorff_millimeters",
    "Compared patients by the 95th percentile of the distances between the two surfaces of the structure.",
    "The Hausdorff distance at 95 per cent of the structure, where both hold it,",
    edges(1, 2, 3, 5, 10, 20, 50),
)
STRUCTURE_VOLUME_DIFFERENCE = _measure(
    "structure_volume_difference",
    "study_structure_volume_difference_ratio",
    "Compared patients by how far the structure's two volumes lie apart, as a share of their mean.",
    "The difference of the structure's volumes, without its sign, over their mean, where both hold it,",
    edges(0.02, 0.05, 0.1, 0.2, 0.5, 1),
)

LABEL_NOISE = Table(
    id="label_noise",
    metric="study_label_noise_patients",
    kind=Kind.MULTI,
    unit=Unit.PATIENT,
    help="Compared patients by the kinds of error in their automatic result; a patient can have several.",
    rule=f"Every kind of error {_COMPARED}; `none` where there is none.",
    dimensions=(Dimension("noise", LABEL_NOISE_CODES),),
    subpopulation=True,
    sensitive=True,
)

TABLES = (STRUCTURE_DICE, STRUCTURE_SURFACE_DICE, STRUCTURE_HAUSDORFF, STRUCTURE_VOLUME_DIFFERENCE, LABEL_NOISE)
