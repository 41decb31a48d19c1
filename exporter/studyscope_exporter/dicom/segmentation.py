"""Reads a DICOM segmentation object (SEG, PS3.3 A.51; Label Map Segmentation, PS3.3 A.51.5) into a record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studyscope_exporter.dicom.seg_counting import check_frames_fit, volumes_ml
from studyscope_exporter.dicom.seg_file import opened_dataset
from studyscope_exporter.dicom.seg_frames import read_frames
from studyscope_exporter.dicom.seg_header import Identity, Segment, Values, identity, pixel_description, segments
from studyscope_exporter.dicom.seg_parts import segment_parts
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import Key, Segmentation, StructureVolume
from studyscope_exporter.structures import structure_name, summed_by_name

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


@dataclass(frozen=True)
class ResultIdentity:
    """Whose result an object is and how it was made; fields as in Segmentation."""

    patient_key: Key | None
    study_key: Key | None
    image_series_key: Key | None
    algorithm: str
    algorithm_version: str
    review_state: str


def read_identity(path: Path, pseudonyms: Pseudonyms) -> ResultIdentity:
    """From the header alone. Raises Unreadable."""
    with opened_dataset(path) as dataset:
        values = Values(dataset)
        pixel_description(values)
        return _result_identity(identity(values), segments(values), pseudonyms)


def _result_identity(who: Identity, declared: Sequence[Segment], pseudonyms: Pseudonyms) -> ResultIdentity:
    name = next((segment.algorithm_name for segment in declared if segment.algorithm_name), "")
    version = next((segment.algorithm_version for segment in declared if segment.algorithm_version), who.software_version)
    return ResultIdentity(
        patient_key=pseudonyms.patient(who.patient_id, who.issuer) if who.patient_id else None,
        study_key=pseudonyms.study(who.study_instance_uid) if who.study_instance_uid else None,
        image_series_key=pseudonyms.series(who.image_series_uid) if who.image_series_uid else None,
        algorithm=name.lower(),
        algorithm_version=version,
        review_state=review_state({segment.algorithm_type for segment in declared}),
    )


def read_segmentation(path: Path, pseudonyms: Pseudonyms, lesions: Collection[str] = ()) -> Segmentation:
    """The segmentation in the file at `path`, with the volume of every segment that it declares.

    Of structures named in `lesions` the separate parts are counted too. A segment without a frame or
    a voxel is there and empty (0.0 ml). Raises Unreadable. Memory is that of the header and one piece
    of PixelData; with parts a byte for each voxel of one segment more. ContentCreatorName (0070,0084)
    is never read.
    """
    with opened_dataset(path) as dataset:
        values = Values(dataset)
        who = identity(values)
        pixels = pixel_description(values)
        check_frames_fit(dataset, pixels)
        declared = segments(values)
        frames = read_frames(values, pixels, declared)
        volumes = volumes_ml(dataset, pixels, frames)
        names = {one.number: structure_name(one.label, f"segment {one.number}") for one in declared}
        asked = [number for number, name in names.items() if name in lesions]
        parts = segment_parts(values, pixels, frames, asked) if asked else {}
    return _record(who, declared, _named(names, volumes, parts), pseudonyms)


def _named(names: Mapping[int, str], volumes: Mapping[int, float], parts: Mapping[int, int]) -> tuple[StructureVolume, ...]:
    """Segments of one name add up; parts only where those of each such segment are known."""
    lesions: dict[str, int | None] = {}
    for number, name in names.items():
        before, found = lesions.get(name, 0), parts.get(number)
        lesions[name] = None if before is None or found is None else before + found
    structures = summed_by_name((name, volumes.get(number, 0.0)) for number, name in names.items())
    return tuple(replace(one, lesions=lesions[one.structure]) for one in structures)


def _record(
    who: Identity, declared: Sequence[Segment], structures: tuple[StructureVolume, ...], pseudonyms: Pseudonyms
) -> Segmentation:
    made = _result_identity(who, declared, pseudonyms)
    return Segmentation(
        segmentation_key=pseudonyms.instance(who.sop_instance_uid),
        patient_key=made.patient_key,
        study_key=made.study_key,
        image_series_key=made.image_series_key,
        algorithm=made.algorithm,
        algorithm_version=made.algorithm_version,
        review_state=made.review_state,
        reading="",
        structures=structures,
    )


def review_state(algorithm_types: set[str]) -> str:
    """SegmentAlgorithmType (0062,0008) of all segments as one state; a mixture was in a person's hands."""
    stated = algorithm_types & {"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}
    if not stated:
        return "not_stated"
    return {"AUTOMATIC": "automatic", "MANUAL": "manual"}.get("+".join(sorted(stated)), "corrected")
