"""say which rule counted or left out something: a file, an inventory number, a patient, study or series

PATH   a file of one of the sources, read anew
#42    the inventory number that a log line names (quote it: '#42')
ID     a PatientID, StudyInstanceUID or SeriesInstanceUID

The answer names patients or paths: it is for the staff of this hospital and is stored nowhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studyscope_contract.amount import amount
from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.objections import objections
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.dicom.instances import InstanceReader
from studyscope_exporter.inventory.errors import UnknownNumber
from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.records import ImagingSeries, Segmentation
from studyscope_exporter.site import Site, StudyAtSite
from studyscope_exporter.sources.folder import FolderSource
from studyscope_exporter.sources.naming import names_of
from studyscope_exporter.sources.nifti import NiftiSource
from studyscope_exporter.sources.source import SourceUnavailable


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="PATH|#N|ID", help="a file, an inventory number or an identifier")
    parser.add_argument("--issuer", default="", help="Issuer of Patient ID of a PatientID (default: the site's)")
    study_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        studies = chosen_studies(site, chosen)
        lines = list(_answer(site, studies, chosen.what, chosen.issuer))
    print("\n".join(lines) if lines else _unknown(chosen.what), file=sys.stdout if lines else sys.stderr)
    return 0 if lines else 1


def _unknown(what: str) -> str:
    return (
        f"nothing here is called {what!r}: no file of a source, no inventory number, and no patient, study or series of the "
        "last scan. For a PatientID of another issuer add --issuer; for something new run: studyscope-exporter scan"
    )


def _answer(site: Site, studies: list[StudyAtSite], what: str, issuer: str) -> Iterator[str]:
    path = _path(site, what)
    if path is not None:
        yield from _of_file(site, studies, path)
        return
    place = site.inventory.place(int(what[1:])) if what.startswith("#") and what[1:].isdecimal() else None
    if place is not None:
        name = names_of([place], site.inventory, site.sources)[place.number]
        yield f"{what}: {name} (source {place.source})"
        return
    for table, key in (
        ("patient", site.pseudonyms.patient(what, issuer)),
        ("study", site.pseudonyms.study(what)),
        ("series", site.pseudonyms.series(what)),
    ):
        series = site.inventory.series_of(table, key)
        if series:
            yield f"{what}: a {table}, {amount(len(series), 'series', 'series')} in the inventory"
            yield from _of_series(site, studies, series)


def _path(site: Site, what: str) -> Path | None:
    if what.startswith("#") and what[1:].isdecimal():
        try:
            return site.inventory.resolve(int(what[1:]))
        except UnknownNumber:
            return None
    return Path(what).absolute() if Path(what).is_file() else None


def _of_file(site: Site, studies: list[StudyAtSite], path: Path) -> Iterator[str]:
    source = _source_of(site, path)
    if source is None:
        whole = next((one for one in site.settings.sources if getattr(one, "path", None) == path), None)
        if whole is not None:
            yield f"{path}: is the source {whole.name} ({whole.kind}), read line by line, each counted by itself"
            yield "  cases lists what became of them, each with its number; why '#NUMBER' leads back to one"
            return
        folders = ", ".join(str(one.settings.path) for one in site.sources if isinstance(one, FolderSource | NiftiSource))
        yield f"{path}: lies in no source of this site; there are: {folders or 'none of files'}"
        return
    yield f"{path}: in source {source.name}"
    (reading,) = _read(source, path)
    yield from _of_reading(reading)
    for record in reading.records:
        if isinstance(record, ImagingSeries):
            known = site.inventory.series_of("series", record.series_key)
            if not known:
                yield "  not in the inventory yet: run studyscope-exporter scan"
            for study in studies:
                yield from _in_study(site.records(study), record)
        elif isinstance(record, Segmentation):
            yield from _of_segmentation(site, record, studies)


def _source_of(site: Site, path: Path) -> FolderSource | NiftiSource | None:
    inside = [
        source
        for source in site.sources
        if isinstance(source, FolderSource | NiftiSource) and source.settings.path.absolute() in path.parents
    ]
    return max(inside, key=lambda source: len(source.settings.path.absolute().parts), default=None)


def _read(source: FolderSource | NiftiSource, path: Path) -> list[Reading]:
    if isinstance(source, NiftiSource):
        try:
            return source.case_reader()((str(path),))
        except SourceUnavailable as problem:
            return [Reading(unreadable=problem.in_full)]
    return InstanceReader(source.pseudonyms())((str(path),))


def _of_reading(reading: Reading) -> Iterator[str]:
    if reading.unreadable:
        yield f"  cannot be read: {reading.unreadable}"
    if reading.ignored:
        yield f"  left out: {reading.ignored}"


def _of_segmentation(site: Site, record: Segmentation, studies: list[StudyAtSite]) -> Iterator[str]:
    linked = record.patient_key or record.image_series_key or record.study_key
    if linked is None:
        yield "  not linked to any patient, so it enters no patient table: see `link` of the source"
    if record.reading:
        yield f"  a further reading ({record.reading}): compared with the result, not counted as one"
    for study in studies:
        algorithm, codes = study.study.algorithm, {name: one.code for one in study.study.structures for name in one.names}
        if algorithm is not None and record.algorithm.casefold() != algorithm.name.casefold():
            yield f"  study {study.study.id}: algorithm {record.algorithm or 'not stated'}; the study counts {algorithm.name}"
        for found in record.structures:
            code = codes.get(found.structure)
            named = f"is {code}" if code else "is none of the study's structures or synonyms: counts as extra"
            filled = "" if found.volume_ml > 0 else ", empty"
            yield f"  study {study.study.id}: {found.structure!r} {named}{filled}"
        if linked is not None and not record.reading:
            yield f"  study {study.study.id}: {_counts_as(site, record, site.records(study))}"


def _counts_as(site: Site, record: Segmentation, records: StudyRecords) -> str:
    patient = record.patient_key or site.inventory.patient_of(record.image_series_key, record.study_key)
    if patient is None:
        return "not counted; no source has the study or series that it is linked to"
    if patient not in records.patients:
        return "not counted; its patient has no images of this study, or has withdrawn"
    if record.segmentation_key in set(records.segmentations["segmentation_key"]):
        return "counted; it is its patient's latest segmentation"
    return "not counted; its patient has a later one, another algorithm made it, or it was not scanned yet"


def _in_study(records: StudyRecords, series: ImagingSeries) -> Iterator[str]:
    against = list(objections(series, records.study))
    if against:
        yield f"  study {records.study.id}: not counted"
        yield from (f"    {reason}" for reason in against)
    elif series.patient_key not in records.patients:
        gone = records.withdrew({series.patient_key})
        why = "its patient has withdrawn, so it counts nowhere" if gone else "meets every rule; it counts from the next scan on"
        yield f"  study {records.study.id}: {why}"
    else:
        yield f"  study {records.study.id}: counted; {_patient(records, series.patient_key)}"


def _patient(records: StudyRecords, patient: bytes) -> str:
    first = records.first_images
    row = first[first["patient_key"] == patient].iloc[0]
    done = bool((records.segmentations["patient_key"] == patient).any())
    described = f"sex {row['sex']}, vendor {row['vendor']}, first image {row['acquired_on'] or 'undated'}"
    return f"its patient counts as {described}, {'segmented' if done else 'not segmented'}"


def _of_series(site: Site, studies: list[StudyAtSite], keys: list[bytes]) -> Iterator[str]:
    places = {key: site.inventory.place_of("series", key) for key in keys}
    names = names_of([place for place in places.values() if place], site.inventory, site.sources)
    frame = site.inventory.series_frame()
    for key in keys:
        place, row = places[key], frame[frame["series_key"] == key].iloc[0]
        where = names[place.number] if place else ""
        yield f"  series: {row['modality']}, {row['body_part']}, {amount(row['instances'], 'instance')}; {where}"
        fields: dict[str, Any] = {name: _plain(row[name]) for name in ImagingSeries.__slots__}
        series = ImagingSeries(**fields)
        for study in studies:
            yield from (f"  {line}" for line in _in_study(site.records(study), series))


def _plain(value: Any) -> Any:
    """None for what pandas calls missing."""
    import pandas as pd

    return None if value is pd.NA or value != value else value  # noqa: PLR0124 - NaN differs from itself
