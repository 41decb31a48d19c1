"""Pairs of label maps of one image: automatic results in one folder, a second reading or a reference in another.

What is compared, and how, is in the package `quality`. A pair is read anew when one of its files changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import ContentLink, CsvLink, Link, LinkProblem, PatternLink
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.keyed_scan import scanned
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import LabelTable, ReviewState
from studyscope_exporter.sources.pair_files import FoundPairs, LabelFolder, PairReader, found_pairs
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable
from studyscope_exporter.structures import structure_name

_READS_AS = b"pairs 3"  # to be raised when pairs are compared differently, so that they are read anew


class Settings(Strict):
    """Where both readings lie and how their files name the image."""

    name: Slug
    kind: Literal["pairs"]
    path: SitePath = Field(description="label maps that the algorithm made")
    readings: SitePath = Field(description="label maps of the second reading or the reference")
    link: PatternLink | CsvLink | ContentLink = Field(
        discriminator="by", description="`by: content` for folders of DICOM segmentation objects, which say it themselves"
    )
    reading_link: PatternLink | CsvLink | None = Field(
        default=None, discriminator="by", description="as `link`, for the readings; the same when left out"
    )
    labels: LabelTable | None = Field(default=None, description="names of the results' labels, where the files give none")
    reading_labels: LabelTable | None = Field(default=None, description="names of the readings' labels")
    algorithm: str = Field(default="", max_length=64)
    algorithm_version: str = Field(default="", max_length=64)
    review_state: ReviewState = Field(default="automatic", description="only automatic results enter the tables of a study")
    reading: str = Field(default="second", max_length=32, description="the reader's role")
    tolerance_mm: float = Field(default=2.0, gt=0, le=50, description="what two careful readers may differ by")
    structures: tuple[str, ...] = Field(default=(), description="compare these only; all that the files name when left out")
    lesions: tuple[str, ...] = Field(default=(), description="structures whose separate parts are matched one to one")

    @model_validator(mode="after")
    def _objects_name_what_they_hold(self) -> Self:
        if isinstance(self.link, ContentLink) and (self.labels or self.reading_labels or self.reading_link):
            raise ValueError("with `link: {by: content}` leave labels, reading_labels and reading_link out: the objects say it")
        return self


@dataclass(frozen=True)
class PairsSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        _, found = self._found()
        said = [f"{amount(count, 'result')}: {reason}" for reason, count in found.ignored.items()]
        return [Finding(True, "; ".join([f"{amount(len(found.pairs), 'pair')} of label maps", *said]))]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        reader, found = self._found()
        if inventory.items(self.name) and not found.files:
            raise SourceUnavailable(
                "No label map is left. Are both folders mounted? "
                "If they were emptied on purpose, take the source out of the site file.",
                temporary=True,
            )
        reads_as = self._reads_as(reader)
        now = {pair.item(self.site.pseudonyms, reads_as): pair for pair in found.pairs}
        return scanned(self.name, self.site, inventory, progress, now, reader, found.ignored)

    def _found(self) -> tuple[PairReader, FoundPairs]:
        reader = self._reader()
        try:
            return reader, found_pairs(reader.results, reader.readings)
        except OSError as error:
            raise SourceUnavailable(
                f"{error.filename} cannot be listed ({error.strerror}). "
                "Is the share mounted, and may the exporter's user read it?",
                temporary=True,
            ) from None

    def _reader(self) -> PairReader:
        settings = self.settings
        try:
            link = Link.opened(settings.link, self.site.pseudonyms)
            reading_link = Link.opened(settings.reading_link or settings.link, self.site.pseudonyms)
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        return PairReader(
            source=settings.name,
            results=LabelFolder(settings.path.absolute(), link, settings.labels),
            readings=LabelFolder(settings.readings.absolute(), reading_link, settings.reading_labels),
            algorithm=settings.algorithm.strip().lower(),
            algorithm_version=settings.algorithm_version.strip(),
            review_state=settings.review_state,
            against=settings.reading,
            tolerance_mm=settings.tolerance_mm,
            structures=tuple(structure_name(name, "") for name in settings.structures),
            lesions=frozenset(structure_name(name, "") for name in settings.lesions),
        )

    def _reads_as(self, reader: PairReader) -> bytes:
        """Everything but the label maps themselves that decides what a pair gives."""
        digest = hashlib.blake2b(_READS_AS + self.settings.model_dump_json().encode(), digest_size=16)
        for folder in (reader.results, reader.readings):
            digest.update(folder.link.digest)
            try:
                digest.update((folder.root / "dataset.json").read_bytes())
            except OSError:
                digest.update(b"no dataset.json")
        return digest.digest()


def open_source(settings: Settings, site: SiteContext) -> PairsSource:
    return PairsSource(settings, site)
