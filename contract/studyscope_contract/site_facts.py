"""What a report says of the installation beside the numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer

from studyscope_contract.learning import LearningRounds
from studyscope_contract.names import Release
from studyscope_contract.yaml_file import Frozen

TableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=48)]
SourceKind = Literal[
    "folder",
    "dicomweb",
    "nifti",
    "ensemble",
    "pairs",
    "nnunet_summary",
    "landmarks",
    "classification",
    "airflow",
    "kaapana",
    "jobs",
    "roster",
    "sequences",
    "consent",
    "tracker",
    "lesions",
    "clinical",
    "annotation",
    "learning",
    "images",
    "prometheus",
]
"""Every kind of source that may be named at the centre; a closed list, because it becomes a label."""
Offer = Literal["offered", "refused", "not_approved", "no_source"]


class SiteFacts(Frozen):
    """Facts about the installation, never about patients; they come from configuration."""

    release: Release
    study_version: int = Field(ge=1)
    sources: dict[SourceKind, bool] = Field(default_factory=dict, max_length=32, description="can be read, by kind")
    storage: Literal["ok", "low"] | None = Field(default=None, description="free space of the exporter's own state volume")
    key_months: int | None = Field(default=None, ge=0, le=120)
    tables: dict[TableName, Offer] = Field(default_factory=dict, max_length=256)
    learning: LearningRounds | None = Field(
        default=None, description="rounds of federated learning taken part in, late and missed; no score of a round"
    )

    @model_serializer(mode="wrap")
    def _without_what_older_exporters_do_not_say(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = dump(self)
        if self.learning is None:
            said.pop("learning", None)
        return said
