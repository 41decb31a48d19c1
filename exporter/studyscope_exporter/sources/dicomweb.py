"""An archive that speaks DICOMweb: Orthanc, dcm4chee, Kaapana. Series by QIDO-RS, segmentation objects by WADO-RS."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import vocabulary_hash
from studyscope_exporter.dicom.unreadable import Unreadable
from studyscope_exporter.dicomweb.answer import ASKED_FOR, Attributes
from studyscope_exporter.dicomweb.archive import Archive
from studyscope_exporter.dicomweb.archive_pass import ArchivePass
from studyscope_exporter.dicomweb.reading import FETCHED, SeriesReader
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable
from studyscope_exporter.structures import structure_name

_READS_AS = "dicomweb 2"  # to be raised when answers are read differently, so that all is read anew


class Settings(Address):
    """Which archive and what of it; `url` is what stands before /studies and /series."""

    name: Slug
    kind: Literal["dicomweb"]
    modalities: tuple[str, ...] = Field(default=(), description="only these, as CT or SEG; all when left out")
    studies_from: dt.date | None = Field(default=None, description="only studies of this day (StudyDate) and later")
    studies_until: dt.date | None = None
    issuer: str = Field(
        default="",
        max_length=64,
        description="Issuer of Patient ID where the archive names none; the site's default when left out",
    )
    lesions: tuple[str, ...] = Field(
        default=(), description="structures of segmentation objects whose separate parts are counted, as the objects name them"
    )
    page: int = Field(default=200, ge=1, le=10_000, description="how many series are asked for at a time")
    most_megabytes: int = Field(default=1024, ge=1, le=16_384, description="of one segmentation object")

    def filters(self) -> list[dict[str, str]]:
        """One listing for each modality: QIDO-RS matches one value (PS3.18 8.3.4)."""
        days = [day.strftime("%Y%m%d") if day else "" for day in (self.studies_from, self.studies_until)]
        dates = {"StudyDate": "-".join(days)} if any(days) else {}
        return [dates | {"Modality": modality} for modality in self.modalities] or [dates]


@dataclass(frozen=True)
class DicomwebSource:
    """The source of that kind; see Source.

    Each series is an item of the inventory, and each segmentation object another. A series leaves
    when two whole listings do not have it any more.
    """

    settings: Settings
    site: SiteContext
    patience: Patience = field(default_factory=Patience)
    only: Collection[str] | None = None  # SeriesInstanceUIDs that count; None for all

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        url = self.settings.url
        try:
            with Server(self.settings, self.patience) as server:
                found = [next(Archive(server, 1).series(filters), []) for filters in self.settings.filters()]
        except ServerProblem as problem:
            return [Finding(False, str(problem))]
        if not any(found):
            return [Finding(True, f"{url} answers; it has no series that fit yet")]
        return [Finding(True, f"{url} answers with series")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        settings = self.settings
        try:
            with Server(settings, self.patience) as server:
                archive = Archive(server, settings.page)
                reader = SeriesReader(archive, self._pseudonyms(), settings.most_megabytes << 20, self._lesions())
                one_pass = ArchivePass.begun(self.name, inventory, archive, reader, self._reads_as(), progress, self.only)
                return one_pass.run(settings.filters())
        except ServerProblem as problem:
            raise SourceUnavailable(str(problem), temporary=problem.temporary) from None

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """The UIDs of series and of the segmentation objects in them, as the archive gives them now."""
        named: dict[bytes, str] = {}
        below: list[tuple[str, str]] = []
        for study, uid, series in self._listed(()):
            named[self._pseudonyms().series(uid)] = f"series {uid} in {self.settings.url}"
            if series.text("Modality") in FETCHED:
                below.append((study, uid))
        if not frozenset(items) <= named.keys():
            named |= self._objects(below)
        return {item: words for item, words in named.items() if item in items}

    def patient_ids(self, items: Collection[bytes]) -> dict[bytes, str]:
        """Of series, as the archive states them now."""
        listed = self._listed(("00100020",))
        named = {self._pseudonyms().series(uid): (series.text("PatientID") or "").strip() for _, uid, series in listed}
        return {item: patient for item, patient in named.items() if item in items}

    def _listed(self, attributes: tuple[str, ...]) -> Iterator[tuple[str, str, Attributes]]:
        """UIDs of study and series with what is said of every series; where the archive fails, of those given until then."""
        with suppress(ServerProblem), Server(self.settings, self.patience) as server:
            for filters in self.settings.filters():
                for page in Archive(server, self.settings.page).series(filters, attributes):
                    for said in page:
                        with suppress(Unreadable):
                            one = Attributes.parse(said)
                            yield one.uid("StudyInstanceUID"), one.uid("SeriesInstanceUID"), one

    def _objects(self, series: Sequence[tuple[str, str]]) -> dict[bytes, str]:
        named: dict[bytes, str] = {}
        with suppress(ServerProblem), Server(self.settings, self.patience) as server:
            for study, uid in series:
                for one in Archive(server, self.settings.page).instances(study, uid):
                    instance = one.text("SOPInstanceUID") or ""
                    named[self._pseudonyms().instance(instance)] = f"object {instance} of series {uid} in {self.settings.url}"
        return named

    def _pseudonyms(self) -> Pseudonyms:
        issuer = self.settings.issuer
        return replace(self.site.pseudonyms, default_issuer=issuer) if issuer else self.site.pseudonyms

    def _lesions(self) -> frozenset[str]:
        return frozenset(structure_name(name, "") for name in self.settings.lesions)

    def _reads_as(self) -> str:
        """A digest of everything but the archive that decides what an answer gives."""
        pseudonyms = self._pseudonyms()
        said = repr(
            (_READS_AS, ASKED_FOR, vocabulary_hash(), pseudonyms.default_issuer, pseudonyms.patient(""), sorted(self._lesions()))
        )
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def open_source(settings: Settings, site: SiteContext) -> DicomwebSource:
    """The source that `settings` describe."""
    return DicomwebSource(settings, site)
