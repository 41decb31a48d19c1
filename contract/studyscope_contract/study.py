"""The study file: one reviewed YAML from which everything about a study follows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from studyscope_contract.canonical import content_hash
from studyscope_contract.catalogue import TABLES
from studyscope_contract.catalogue.subgroups import SUBGROUP
from studyscope_contract.code_list import NOT_STATED, OTHER
from studyscope_contract.found import Classifier, Landmark
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.names import Slug, Text
from studyscope_contract.policy import Policy, Stricter
from studyscope_contract.protocol import Attributes, Subgroup, TimePoints, Variables, attribute_id
from studyscope_contract.study_alerts import AlertThresholds
from studyscope_contract.study_site import StudySite
from studyscope_contract.vocabulary import STAGES, load_code_list
from studyscope_contract.yaml_file import Strict

Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+$", max_length=200)]


class Lead(Strict):
    """A person who decides about the study and gets its mails."""

    name: Text
    mail: Mail


class Cohort(Strict):
    """Which series belong to the study; an empty list leaves that attribute free.

    A scan of several regions has a code of its own (`chest_abdomen`): name every code that is meant.
    """

    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    acquired_from: dt.date | None = None
    acquired_until: dt.date | None = None

    @model_validator(mode="after")
    def _known_codes(self) -> Self:
        for name, codes in (("modality", self.modalities), ("body_part", self.body_parts)):
            known = load_code_list(name).codes
            for code in codes:
                if code not in known:
                    raise ValueError(f"unknown {name} {code!r}; allowed: {', '.join(known)}")
        return self


class Structure(Strict):
    """An anatomical structure or lesion that the study segments."""

    code: Slug
    label: Text
    synonyms: tuple[Text, ...] = Field(default=(), description="names that segmentation files use for it")

    @property
    def names(self) -> frozenset[str]:
        """Every spelling that means this structure, as records spell it (lower case, trimmed)."""
        return frozenset(name.casefold().strip() for name in (self.code, self.label, *self.synonyms))


class Algorithm(Strict):
    """The one algorithm and version whose segmentations are published."""

    name: Text
    version: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = Field(
        default="", description="empty: any version"
    )


class Workflow(Strict):
    """An inference workflow, as job records name it."""

    id: Slug
    title: Text
    model: Text
    version: Text
    stuck_after_hours: int = Field(default=24, ge=1, description="a job that runs longer than this is stuck")


class PageChoice(Strict):
    """A dashboard that the study shows, and which of its panels; `studyscope-dashboards panels` lists their names."""

    page: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$", max_length=40)]
    panels: tuple[Text, ...] = Field(default=(), description="only these, in this order; empty: all, as they stand")
    hide: tuple[Text, ...] = Field(default=(), description="all but these")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.panels and self.hide:
            raise ValueError("say either `panels` (only these) or `hide` (all but these)")
        return self


class Study(Strict):
    """A study, whole."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Slug
    title: Text
    version: int = Field(ge=1)
    leads: tuple[Lead, ...] = Field(min_length=1)
    sites: tuple[StudySite, ...] = Field(min_length=1, max_length=1000)
    cohort: Cohort = Cohort()
    stages: tuple[str, ...] = ("imaged", "segmented", "reviewed")
    structures: tuple[Structure, ...] = Field(default=(), max_length=200)
    algorithm: Algorithm | None = None
    landmarks: tuple[Landmark, ...] = Field(default=(), max_length=200)
    success_radii_mm: tuple[Annotated[float, Field(gt=0, le=100)], ...] = Field(
        default=(2.0, 2.5, 3.0, 4.0),
        max_length=8,
        description="within which a landmark counts as found, on the site's own screens",
    )
    classifiers: tuple[Classifier, ...] = Field(default=(), max_length=50)
    workflows: tuple[Workflow, ...] = Field(default=(), max_length=50)
    time_points: TimePoints = Field(default=(), max_length=50)
    attributes: Attributes = Field(default=(), description="DICOM attributes that should be there, by keyword")
    variables: Variables = Field(default=(), max_length=50, description="clinical variables that should be there")
    subgroup: Subgroup | None = Field(default=None, description="a clinical variable by whose groups sites may tell outcomes")
    alerts: AlertThresholds = AlertThresholds()
    dashboards: tuple[PageChoice, ...] = Field(
        default=(), max_length=20, description="pages of the study's own folder in Grafana, in this order; empty: no such folder"
    )
    disclosure: Stricter = Field(default=Stricter(), description="what every site's policy must be at least")

    @field_validator("disclosure")
    @classmethod
    def _tables_of_the_catalogue(cls, asked: Stricter) -> Stricter:
        for table in asked.refuse:
            if table not in TABLES:
                raise ValueError(f"refuse: there is no table {table!r}; allowed: {', '.join(sorted(TABLES))}")
        Policy().tightened(asked)  # a study whose numbers fit no policy asks for something that nobody can do
        return asked

    @field_validator("sites")
    @classmethod
    def _sites_are_unique(cls, sites: tuple[StudySite, ...]) -> tuple[StudySite, ...]:
        _refuse_twice("site", [site.id for site in sites])
        return sites

    @field_validator("structures")
    @classmethod
    def _spellings_are_unique(cls, structures: tuple[Structure, ...]) -> tuple[Structure, ...]:
        _refuse_twice("structure", [structure.code for structure in structures])
        _refuse_twice("spelling of a structure", [name for structure in structures for name in structure.names])
        return structures

    @field_validator("landmarks")
    @classmethod
    def _landmarks_are_unique(cls, landmarks: tuple[Landmark, ...]) -> tuple[Landmark, ...]:
        _refuse_twice("landmark", [landmark.code for landmark in landmarks])
        _refuse_twice("spelling of a landmark", [name for landmark in landmarks for name in landmark.names])
        return landmarks

    @field_validator("classifiers")
    @classmethod
    def _classifiers_are_unique(cls, classifiers: tuple[Classifier, ...]) -> tuple[Classifier, ...]:
        _refuse_twice("classifier", [classifier.id for classifier in classifiers])
        return classifiers

    @field_validator("workflows")
    @classmethod
    def _workflows_are_unique(cls, workflows: tuple[Workflow, ...]) -> tuple[Workflow, ...]:
        _refuse_twice("workflow", [workflow.id for workflow in workflows])
        return workflows

    @field_validator("stages")
    @classmethod
    def _stages_are_in_order(cls, stages: tuple[str, ...]) -> tuple[str, ...]:
        if not stages or stages[0] != "imaged" or not set(stages) <= set(STAGES):
            raise ValueError(f"stages must begin with imaged; allowed, in this order: {', '.join(STAGES)}")
        if any(STAGES.index(earlier) >= STAGES.index(later) for earlier, later in pairwise(stages)):
            raise ValueError(f"stages must be in this order, each once: {', '.join(STAGES)}")
        return stages

    @model_validator(mode="after")
    def _subgroup_is_told_once(self) -> Self:
        if self.subgroup is not None and self.subgroup.id in (variable.id for variable in self.variables):
            raise ValueError(
                f"variable {self.subgroup.id!r} is the subgroup too: take it out of `variables`. How many of it are known is "
                "told by the subgroup's table; two tables of one answer, held against one another, say more than either"
            )
        return self

    @property
    def hash(self) -> str:
        """Names exactly this content; what a site accepted."""
        return content_hash(_without_floats(self.model_dump(mode="json", by_alias=True)))

    def site(self, site_id: str) -> StudySite | None:
        return next((site for site in self.sites if site.id == site_id), None)

    def tables(self) -> Iterator[tuple[TableKey, Table]]:
        """Every table that the study can publish, in the order of the catalogue."""
        for table in TABLES.values():
            for per in self.per_values(table):
                yield TableKey(table.id, per), table

    def per_values(self, table: Table) -> tuple[str, ...]:
        """What `table` exists once for: the entries of one list of the study, such as its structures, or a single ''."""
        if self.subgroup is None and SUBGROUP.id in table.labels:
            return ()
        entries: Mapping[str | None, tuple[str, ...]] = {
            None: ("",),
            "structure": tuple(structure.code for structure in self.structures),
            "landmark": tuple(landmark.code for landmark in self.landmarks),
            "classifier": tuple(classifier.id for classifier in self.classifiers if classifier.publishes(table)),
            "workflow": tuple(workflow.id for workflow in self.workflows),
            "time_point": tuple(point.id for point in self.time_points),
            "attribute": tuple(map(attribute_id, self.attributes)),
            "variable": tuple(variable.id for variable in self.variables),
        }
        return entries[table.per]

    def codes(self, table: Table) -> tuple[tuple[str, ...], ...]:
        """The cells that `table` can have in this study: the catalogue's, less stages and subgroups that it does not have."""
        groups = (*(self.subgroup.codes if self.subgroup else ()), OTHER, NOT_STATED)
        limited = {"stage": self.stages, SUBGROUP.id: groups}
        at = [(i, limited[one.label]) for i, one in enumerate(table.dimensions) if one.label in limited]
        return tuple(cell for cell in table.cells if all(cell[i] in codes for i, codes in at))


def _refuse_twice(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} appears twice: {', '.join(twice)}")


def _without_floats(content: object) -> object:
    """Coordinates as texts, so that the content has canonical bytes."""
    if isinstance(content, float):
        return repr(content)
    if isinstance(content, dict):
        return {key: _without_floats(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_floats(value) for value in content]
    return content
