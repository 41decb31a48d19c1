"""A tree of DICOM files: images, and segmentation objects among them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import vocabulary_hash
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.dicom.instances import InstanceReader
from studyscope_exporter.dicom.tags import WANTED
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.inventory.file_scan import FileScan
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult
from studyscope_exporter.structures import structure_name

_READS_AS = "folder 5"  # to be raised when headers are read or mapped differently, so that they are read anew


class Settings(Strict):
    """Where the files lie."""

    name: Slug
    kind: Literal["folder"]
    path: SitePath
    follow_links: bool = Field(default=False, description="whether linked files and folders are read too")
    skip: tuple[SitePath, ...] = Field(default=(), description="folders below that are left out")
    lesions: tuple[str, ...] = Field(
        default=(), description="structures of DICOM SEG whose separate parts are counted, as the files name them"
    )
    issuer: str = Field(
        default="", max_length=64, description="Issuer of Patient ID where a file names none; the site's default when left out"
    )


@dataclass(frozen=True)
class FolderSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        path = self.settings.path
        try:
            with os.scandir(path) as entries:
                empty = next(entries, None) is None
        except OSError as error:
            return [Finding(False, f"{path} cannot be listed ({error.strerror}); is it mounted, and may the exporter read it?")]
        if empty:
            return [Finding(False, f"{path} is empty; is the share mounted there?")]
        return [Finding(True, f"{path} can be listed")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        return FileScan(
            inventory,
            self.settings.name,
            self.settings.path,
            InstanceReader(self.pseudonyms(), self._lesions()),
            self._reads_as(),
            follow_links=self.settings.follow_links,
            skip=self.settings.skip,
            executor=self.site.executor,
        ).run(progress)

    def pseudonyms(self) -> Pseudonyms:
        """Those of the site, with this source's own default issuer."""
        issuer = self.settings.issuer
        return replace(self.site.pseudonyms, default_issuer=issuer) if issuer else self.site.pseudonyms

    def _lesions(self) -> frozenset[str]:
        return frozenset(structure_name(name, "") for name in self.settings.lesions)

    def _reads_as(self) -> bytes:
        """A digest of everything but the files themselves that decides what a header gives."""
        pseudonyms = self.pseudonyms()
        said = repr(
            (_READS_AS, WANTED, vocabulary_hash(), pseudonyms.default_issuer, pseudonyms.patient(""), sorted(self._lesions()))
        )
        return hashlib.blake2b(said.encode(), digest_size=16).digest()


def open_source(settings: Settings, site: SiteContext) -> FolderSource:
    """The source that `settings` describe."""
    return FolderSource(settings, site)
