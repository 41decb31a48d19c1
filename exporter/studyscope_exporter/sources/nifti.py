"""Label maps in NIfTI files, as nnU-Net (one file per case) or TotalSegmentator (one folder per case) leave them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.inventory.file_scan import FileScan
from studyscope_exporter.linking import CsvLink, Link, LinkProblem, PatternLink
from studyscope_exporter.nifti.label_names import BadLabelTable, named_labels
from studyscope_exporter.nifti.monai_bundle import BadBundle, read_bundle
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti_cases import CaseReader
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable
from studyscope_exporter.structures import structure_name

ReviewState = Literal["automatic", "corrected", "manual", "not_stated"]
_SUFFIXES = (b".nii.gz", b".nii")
_READS_AS = b"nifti 1"  # to be raised when files are read differently, so that they are read anew


def _checked(labels: Mapping[str, object]) -> Mapping[str, object]:
    try:
        named_labels({name: list(of) if isinstance(of, tuple) else of for name, of in labels.items()})
    except BadLabelTable as problem:
        raise ValueError(str(problem)) from None
    return labels


LabelTable = Annotated[dict[str, int | str | tuple[int, ...]], AfterValidator(_checked)]
"""Names of labels as in nnU-Net's dataset.json."""


class Settings(Strict):
    """Where label maps lie and what the files do not say about themselves."""

    name: Slug
    kind: Literal["nifti"]
    path: SitePath
    layout: Literal["files", "folders"] = Field(
        default="files", description="files: one label map per case; folders: one folder per case, one mask per structure"
    )
    labels: LabelTable | None = Field(
        default=None, description="as in nnU-Net's dataset.json; taken from there or from the file when left out"
    )
    bundle: SitePath | None = Field(
        default=None, description="folder of the MONAI bundle that made them: it names labels, algorithm and version"
    )
    algorithm: str = Field(default="", max_length=64)
    algorithm_version: str = Field(default="", max_length=64)
    review_state: ReviewState = "not_stated"
    review_folders: dict[str, ReviewState] = Field(
        default_factory=dict, description="folder name -> state of what lies anywhere below it"
    )
    reading: str = Field(default="", max_length=32, description='"" for the result itself, else the reader\'s role')
    lesions: tuple[str, ...] = Field(
        default=(), description="structures whose separate parts are counted, as the files name them; it takes longer"
    )
    link: PatternLink | CsvLink | None = Field(default=None, discriminator="by")
    follow_links: bool = False


@dataclass(frozen=True)
class NiftiSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        findings = []
        if self.settings.link is None:
            findings.append(Finding(True, "no `link` is set: these label maps enter no patient table"))
        try:
            self.case_reader()
        except SourceUnavailable as problem:
            findings.append(Finding(False, problem.in_full))
        if not os.access(self.settings.path, os.R_OK | os.X_OK):
            findings.append(Finding(False, f"{self.settings.path} cannot be listed; is it mounted, and may we read it?"))
        return findings or [Finding(True, f"{self.settings.path} can be listed")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        settings, reader = self.settings, self.case_reader()
        scan = FileScan(
            inventory,
            settings.name,
            settings.path,
            reader,
            self._reads_as(reader),
            wanted=is_nifti,
            follow_links=settings.follow_links,
            whole_folders=reader.folders,
            executor=self.site.executor,
            files_per_call=8,
        )
        result = scan.run(progress)
        inventory.link_results(self.name)
        result.unlinked = inventory.unlinked(self.name)
        return result

    def case_reader(self) -> CaseReader:
        """What reads one case; raises SourceUnavailable."""
        settings = self.settings
        try:
            bundle = read_bundle(settings.bundle) if settings.bundle else None
            link = Link.opened(settings.link, self.site.pseudonyms)
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        except BadBundle as problem:
            raise SourceUnavailable(str(problem), temporary=True) from None
        labels = bundle.labels if bundle and settings.labels is None else settings.labels
        return CaseReader(
            source=settings.name,
            root=settings.path.absolute(),
            folders=settings.layout == "folders",
            labels=labels,
            algorithm=(settings.algorithm.strip() or (bundle.name if bundle else "")).lower(),
            algorithm_version=settings.algorithm_version.strip() or (bundle.version if bundle else ""),
            review_state=settings.review_state,
            review_folders=settings.review_folders,
            reading=settings.reading,
            link=link,
            lesions=frozenset(structure_name(name, "") for name in settings.lesions),
        )

    def _reads_as(self, reader: CaseReader) -> bytes:
        """A digest of everything but the files themselves that decides what a file gives."""
        digest = hashlib.blake2b(_READS_AS + reader.link.digest + self.settings.model_dump_json().encode(), digest_size=16)
        if self.settings.bundle:
            digest.update(repr((reader.labels, reader.algorithm, reader.algorithm_version)).encode())
        try:
            digest.update((self.settings.path / "dataset.json").read_bytes())
        except OSError:
            digest.update(b"no dataset.json")
        return digest.digest()


def is_nifti(name: bytes) -> bool:
    return name.lower().endswith(_SUFFIXES)


def open_source(settings: Settings, site: SiteContext) -> NiftiSource:
    return NiftiSource(settings, site)
