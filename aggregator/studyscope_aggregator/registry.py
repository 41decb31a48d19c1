"""Studies and sites that the centre knows, with the sites' public keys."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from studyscope_aggregator.milestones import PASSED_FOLDER, PassedDays, read_passed
from studyscope_aggregator.parsed_files import ParsedFiles, bytes_of
from studyscope_aggregator.registered_sites import Closing, RegisteredSite, SitesFile
from studyscope_aggregator.site_contacts import CONTACTS_FILE, Contact, contacts_in
from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_contract.mail_choices import CHOICES_FILE, MailChoices
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem
from studyscope_contract.study import Study
from studyscope_contract.study_site import StudySite
from studyscope_contract.yaml_file import FileProblem, Problem, parse_yaml

SITES_FILE = "sites.yaml"
AUDIT_FILE = "audit.jsonl"
STUDIES_FOLDER = "studies"
ENROLLED_FOLDER = "enrolled"
REQUESTS_FOLDER = "requests"
SIGNED_FOLDER = "signed"
CLOSED_FOLDER = "closed"


@dataclass(frozen=True)
class StudyFile:
    """A study and the bytes that its sites are served."""

    study: Study
    raw: bytes


@dataclass(frozen=True)
class Registry:
    """One state of the registry folder."""

    studies: Mapping[str, StudyFile]
    sites: Mapping[str, RegisteredSite]
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Keys that sites of each study ask to have accepted."""
    closings: tuple[Closing, ...] = ()
    signed: Mapping[str, Mapping[int, StudyFile]] = field(default_factory=dict)
    """Every signed version of each study that this release can read; `raw` is the signed file."""
    choices: MailChoices = field(default_factory=MailChoices)
    passed: PassedDays = field(default_factory=dict)
    contacts: Mapping[str, tuple[Contact, ...]] = field(default_factory=dict)
    """People of the sites, of those without a key too."""

    def definition(self, study_id: str, version: int) -> Study | None:
        """The study as a site has it that accepted `version`; None where nobody can know.

        A study that was never signed has one definition: the file in force.
        """
        study, signed = self.study(study_id), self.signed.get(study_id)
        if study is None or version == study.version or not signed:
            return study
        return signed[version].study if version in signed else None

    def study(self, study_id: str) -> Study | None:
        file = self.studies.get(study_id)
        return file.study if file else None

    def member(self, study_id: str, site_id: str) -> StudySite | None:
        """The site as it takes part in the study, today or another day."""
        return self._members.get((study_id, site_id))

    @cached_property
    def _members(self) -> Mapping[tuple[str, str], StudySite]:
        return {(file.study.id, site.id): site for file in self.studies.values() for site in file.study.sites}

    def memberships(self) -> Iterator[tuple[Study, StudySite, RegisteredSite | None]]:
        """Every site of every study, studies and sites in the order of their files; None is a site without a key so far."""
        for file in self.studies.values():
            for site in file.study.sites:
                yield file.study, site, self.sites.get(site.id)


def registry_files(folder: Path) -> list[Path]:
    """The files that there are of the registry, in a fixed order; the log too, which changes with every act."""
    single = [path for name in (SITES_FILE, AUDIT_FILE, CHOICES_FILE, CONTACTS_FILE) if (path := folder / name).exists()]
    folders = (
        (STUDIES_FOLDER, "*.yaml"),
        (ENROLLED_FOLDER, "*.yaml"),
        (REQUESTS_FOLDER, "*.json"),
        (SIGNED_FOLDER, "*/*.json"),
        (CLOSED_FOLDER, "*.yaml"),
        (PASSED_FOLDER, "*.yaml"),
    )
    return [*single, *(path for name, ending in folders for path in sorted((folder / name).glob(ending)))]


def load_registry(folder: Path, parsed: ParsedFiles | None = None) -> Registry:
    """Reads the folder; raises FileProblem, which names file, line, key and what is allowed.

    `parsed`: the files as they were, of which those that did not change are not parsed again.
    """
    files = parsed or ParsedFiles()
    files.forget_all_but(set(registry_files(folder)))
    study_paths = sorted((folder / STUDIES_FOLDER).glob("*.yaml"))
    if not study_paths:
        raise FileProblem(folder / STUDIES_FOLDER, [Problem(0, "", "holds no study file; put one named <study>.yaml there")])
    closings = _closings(folder, files)
    studies: dict[str, StudyFile] = {}
    for path in study_paths:
        study = files.read(path, Study)
        if study.id != path.stem:
            raise FileProblem(path, [Problem(1, "id", f"is {study.id}, so the file must be named {study.id}.yaml")])
        studies[study.id] = StudyFile(_closed(study, closings), bytes_of(path))
    choices = MailChoices.read(folder / CHOICES_FILE)
    contacts = contacts_in(folder)
    sites = _with_contacts(_sites(folder, files), contacts)
    return Registry(
        MappingProxyType(studies),
        MappingProxyType(sites),
        _waiting(folder),
        closings,
        _signed(folder),
        choices,
        read_passed(folder),
        MappingProxyType({name: site.contacts for name, site in sites.items() if site.contacts} | contacts),
    )


def enrolled_site(path: Path) -> RegisteredSite | None:
    """The site in a file that `sites` wrote, None when there is no file; raises FileProblem."""
    return ParsedFiles().read(path, RegisteredSite) if path.exists() else None


def _sites(folder: Path, files: ParsedFiles) -> dict[str, RegisteredSite]:
    """Sites of sites.yaml, when there is one, with what `sites` decided about their keys since."""
    path = folder / SITES_FILE
    sites = {site.id: site for site in files.read(path, SitesFile).sites} if path.exists() else {}
    for path in sorted((folder / ENROLLED_FOLDER).glob("*.yaml")):
        enrolled = files.read(path, RegisteredSite)
        sites[enrolled.id] = _with_keys(sites.get(enrolled.id), enrolled)
    return sites


def _with_contacts(sites: Mapping[str, RegisteredSite], contacts: Mapping[str, tuple[Contact, ...]]) -> dict[str, RegisteredSite]:
    return {
        name: site.model_copy(update={"contacts": contacts[name]}) if name in contacts else site for name, site in sites.items()
    }


def _with_keys(written: RegisteredSite | None, enrolled: RegisteredSite) -> RegisteredSite:
    if written is None:
        return enrolled
    decided = {key.key for key in enrolled.keys}
    keys = (*(key for key in written.keys if key.key not in decided), *enrolled.keys)
    return written.model_copy(update={"keys": keys})


def _signed(folder: Path) -> Mapping[str, Mapping[int, StudyFile]]:
    found: dict[str, dict[int, StudyFile]] = {}
    for path in (folder / SIGNED_FOLDER).glob("*/*.json"):
        raw = bytes_of(path)
        study = _study_of(raw)
        if study is not None:
            found.setdefault(study.id, {})[study.version] = StudyFile(study, raw)
    return MappingProxyType(found)


@lru_cache(maxsize=200)
def _study_of(raw: bytes) -> Study | None:
    """Signed versions never change, and the registry is read again with every act; None for one of a newer release."""
    try:
        return parse_yaml(SignedStudy.from_bytes(raw).text.encode(), Path("a signed version"), Study)
    except (SignedStudyProblem, FileProblem):
        return None


def _closings(folder: Path, files: ParsedFiles) -> tuple[Closing, ...]:
    return tuple(files.read(path, Closing) for path in sorted((folder / CLOSED_FOLDER).glob("*.yaml")))


def _closed(study: Study, closings: tuple[Closing, ...]) -> Study:
    """The study with every membership ending no later than was decided."""
    last = {one.site: one.last_day for one in closings if one.study == study.id}
    if not last:
        return study
    sites = tuple(
        site.model_copy(update={"member_until": min(last[site.id], site.member_until or dt.date.max)})
        if site.id in last
        else site
        for site in study.sites
    )
    return study.model_copy(update={"sites": sites})


def _waiting(folder: Path) -> Mapping[str, int]:
    found = Counter[str]()
    for path in (folder / REQUESTS_FOLDER).glob("*.json"):
        with suppress(ValidationError, FileNotFoundError):  # decided on, this moment
            found[EnrolmentRequest.model_validate_json(path.read_bytes()).study] += 1
    return MappingProxyType(dict(found))


def unregistered(registry: Registry) -> list[str]:
    """Sites that a study file names and nobody gave a key, as `study/site`: they cannot report yet."""
    return [
        f"{file.study.id}/{site.id}"
        for file in registry.studies.values()
        for site in file.study.sites
        if site.id not in registry.sites
    ]
