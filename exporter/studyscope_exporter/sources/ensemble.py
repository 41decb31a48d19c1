"""Label maps that the members of an ensemble made of the same images, a folder for each member.

Where the members disagree the result is likely to be wrong: their mean pairwise Dice is a sign of
failure that needs no reference. It is for the hospital's own screens and enters no table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import CsvLink, Link, LinkProblem, PatternLink
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.ensemble_cases import EnsembleReader, FoundCases, found_cases
from studyscope_exporter.sources.keyed_scan import scanned
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import LabelTable
from studyscope_exporter.sources.pair_files import LabelFolder
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable

_READS_AS = b"ensemble 1"  # to be raised when members are compared differently, so that they are read anew


class Settings(Strict):
    """Where each member's label maps lie and how their files name the image."""

    name: Slug
    kind: Literal["ensemble"]
    members: tuple[SitePath, ...] = Field(min_length=2, max_length=16, description="one folder for each member")
    link: PatternLink | CsvLink = Field(discriminator="by")
    labels: LabelTable | None = Field(default=None, description="names of the labels, where the files give none")
    algorithm: str = Field(default="", max_length=64)
    algorithm_version: str = Field(default="", max_length=64)


@dataclass(frozen=True)
class EnsembleSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        _, found = self._found()
        said = [f"{amount(count, 'label map')}: {reason}" for reason, count in found.ignored.items()]
        return [Finding(True, "; ".join([f"{amount(len(found.cases), 'image')} that several members have", *said]))]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        reader, found = self._found()
        if inventory.items(self.name) and not found.files:
            raise SourceUnavailable(
                "No label map is left. Are the members' folders mounted? "
                "If they were emptied on purpose, take the source out of the site file.",
                temporary=True,
            )
        reads_as = self._reads_as(reader)
        now = {case.item(self.site.pseudonyms, reads_as): case for case in found.cases}
        return scanned(self.name, self.site, inventory, progress, now, reader, found.ignored)

    def _found(self) -> tuple[EnsembleReader, FoundCases]:
        settings = self.settings
        try:
            link = Link.opened(settings.link, self.site.pseudonyms)
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        members = tuple(LabelFolder(path.absolute(), link, settings.labels) for path in settings.members)
        version = settings.algorithm_version.strip()
        reader = EnsembleReader(settings.name, members, settings.algorithm.strip().lower(), version)
        try:
            return reader, found_cases(members)
        except OSError as error:
            raise SourceUnavailable(
                f"{error.filename} cannot be listed ({error.strerror}). "
                "Is the share mounted, and may the exporter's user read it?",
                temporary=True,
            ) from None

    def _reads_as(self, reader: EnsembleReader) -> bytes:
        """Everything but the label maps themselves that decides what a case gives."""
        digest = hashlib.blake2b(_READS_AS + self.settings.model_dump_json().encode(), digest_size=16)
        digest.update(reader.members[0].link.digest)
        for folder in reader.members:
            try:
                digest.update((folder.root / "dataset.json").read_bytes())
            except OSError:
                digest.update(b"no dataset.json")
        return digest.digest()


def open_source(settings: Settings, site: SiteContext) -> EnsembleSource:
    return EnsembleSource(settings, site)
