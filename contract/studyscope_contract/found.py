"""What a study's algorithms find beside structures: landmarks, and classes of cases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from studyscope_contract.catalogue.classification import AS_CALIBRATION, AS_OUTCOME
from studyscope_contract.metric import Table
from studyscope_contract.names import Slug, Text
from studyscope_contract.yaml_file import Strict


class Landmark(Strict):
    """An anatomical point that the study's algorithm looks for."""

    code: Slug
    label: Text
    synonyms: tuple[Text, ...] = Field(default=(), description="names that landmark files use for it")

    @property
    def names(self) -> frozenset[str]:
        """Every spelling that means this landmark, as records spell it (lower case, trimmed)."""
        return frozenset(name.casefold().strip() for name in (self.code, self.label, *self.synonyms))


class Classifier(Strict):
    """A model that decides between classes; the study says which of them count as positive."""

    id: Slug
    title: Text
    positive: tuple[Text, ...] = Field(min_length=1, description="classes that count as positive; all others are negative")
    version: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = Field(
        default="", description="empty: any version"
    )
    published: Literal["outcome", "calibration"] = Field(
        default="outcome",
        description="in which cut cases with a reference leave; outcome: agreement and scores, for sensitivity and ROC curves; "
        "calibration: right or wrong by confidence, for a reliability diagram and a risk-coverage curve. Never both",
    )

    def publishes(self, table: Table) -> bool:
        """Whether `table`, one per classifier, exists for this one."""
        others = AS_CALIBRATION if self.published == "outcome" else AS_OUTCOME
        return not {table.id, *table.crosses} & {other.id for other in others}

    @property
    def positive_names(self) -> frozenset[str]:
        """The positive classes as records spell them (lower case, trimmed)."""
        return frozenset(name.casefold().strip() for name in self.positive)
