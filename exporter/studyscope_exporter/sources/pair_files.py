"""Which label maps of two folders are of one image, and what comparing them gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studyscope_exporter.dicom.seg_voxels import OtherGrid, read_pair
from studyscope_exporter.dicom.segmentation import read_identity
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.inventory import Reading
from studyscope_exporter.linking import ContentLink, Link, Linked
from studyscope_exporter.nifti.errors import OTHER_GRID, TOO_MANY_LABELS, UnreadableLabelMap
from studyscope_exporter.nifti.voxels import VoxelMap, read_voxels
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.quality.pair import LabelledGrid, TooManyLabels, agreements
from studyscope_exporter.records import Agreement, Comparison
from studyscope_exporter.sources.nifti_cases import names_for, stem

_SUFFIXES = (".nii.gz", ".nii")
_DICOM_SUFFIXES = (".dcm", ".dicom")
_NO_SEGMENTATION = frozenset({Reason.NOT_DICOM, Reason.DIRECTORY, Reason.UNSUPPORTED})
NO_COUNTERPART, SEVERAL_OF_ONE_IMAGE, UNLINKED = "no counterpart", "several label maps of one image", "not linked"


@dataclass(frozen=True)
class LabelFile:
    """A label map as its folder lists it; `state` changes with its content."""

    path: Path
    below: str
    state: tuple[int, int]


@dataclass(frozen=True)
class LabelFolder:
    """A folder of label maps, whose images they are of, and the names of their labels."""

    root: Path
    link: Link
    labels: Mapping[str, object] | None

    @property
    def of_dicom(self) -> bool:
        """Whether it holds DICOM segmentation objects, not NIfTI files."""
        return isinstance(self.link.settings, ContentLink)

    def files(self) -> dict[LabelFile, Linked]:
        """Every label map below; raises OSError where the folder cannot be listed."""
        found = {}
        suffixes = _DICOM_SUFFIXES if self.of_dicom else _SUFFIXES
        with os.scandir(self.root):  # os.walk says nothing of a folder that is not there
            pass
        for folder, _, names in os.walk(self.root):
            for name in sorted(names):
                if name.lower().endswith(suffixes):
                    path = Path(folder, name)
                    status, below = path.stat(), path.relative_to(self.root).as_posix()
                    file = LabelFile(path, below, (status.st_size, status.st_mtime_ns))
                    linked = self._of_content(path) if self.of_dicom else self.link.of((below, name, stem(path)))
                    if linked is not None:
                        found[file] = linked
        return found

    def _of_content(self, path: Path) -> Linked | None:
        """None for what is no segmentation object: an image beside it."""
        try:
            who = read_identity(path, self.link.pseudonyms)
        except Unreadable as error:
            return None if error.reason in _NO_SEGMENTATION else Linked()
        return Linked(who.patient_key, who.study_key, who.image_series_key)


@dataclass(frozen=True)
class Pair:
    """Two label maps of one image."""

    result: LabelFile
    reading: LabelFile
    linked: Linked

    def item(self, pseudonyms: Pseudonyms, reads_as: bytes) -> bytes:
        """A key that changes when one of the files does, or how they are read."""
        said = repr((self.result.below, self.result.state, self.reading.below, self.reading.state))
        return pseudonyms.path(reads_as + os.fsencode(said))


@dataclass(frozen=True)
class FoundPairs:
    """The pairs of two folders, and how many results have none, by reason."""

    pairs: tuple[Pair, ...]
    ignored: Mapping[str, int]
    files: int


def found_pairs(results: LabelFolder, readings: LabelFolder) -> FoundPairs:
    """Pairs files that their links say are of one image; raises OSError."""
    mine, theirs = results.files(), readings.files()
    of_image: dict[Linked, list[LabelFile]] = {}
    for file, linked in theirs.items():
        of_image.setdefault(_image_of(linked), []).append(file)
    counted: dict[Linked, int] = {}
    for linked in mine.values():
        counted[_image_of(linked)] = counted.get(_image_of(linked), 0) + 1
    pairs, ignored = [], dict[str, int]()
    for file, linked in mine.items():
        partners = of_image.get(_image_of(linked), [])
        if linked and len(partners) == 1 and counted[_image_of(linked)] == 1:
            pairs.append(Pair(file, partners[0], linked))
            continue
        reason = UNLINKED if not linked else SEVERAL_OF_ONE_IMAGE if partners else NO_COUNTERPART
        ignored[reason] = ignored.get(reason, 0) + 1
    return FoundPairs(tuple(pairs), ignored, len(mine) + len(theirs))


def _image_of(linked: Linked) -> Linked:
    """The series where it is known: two tools may spell patient and issuer differently."""
    return Linked(series_key=linked.series_key) if linked.series_key else linked


@dataclass(frozen=True)
class PairReader:
    """Reads pairs into Readings; picklable, for an executor. Fields as in the source's settings."""

    source: str
    results: LabelFolder
    readings: LabelFolder
    algorithm: str
    algorithm_version: str
    review_state: str
    against: str
    tolerance_mm: float
    structures: tuple[str, ...]
    lesions: frozenset[str] = frozenset()

    def __call__(self, pairs: Iterable[Pair]) -> list[Reading]:
        """One Reading per pair; a pair that cannot be compared says why."""
        return [self._read(pair) for pair in pairs]

    def _read(self, pair: Pair) -> Reading:
        try:
            made = self._made(pair)
            found = self._agreements(pair)
        except (UnreadableLabelMap, Unreadable) as error:
            return Reading(unreadable=str(error.reason))
        except OtherGrid:
            return Reading(unreadable=OTHER_GRID)
        except TooManyLabels:
            return Reading(unreadable=TOO_MANY_LABELS)
        algorithm, version, state = made
        key = os.fsencode(f"{self.source}\0{pair.result.below}")
        comparison = Comparison(
            comparison_key=self.results.link.pseudonyms.path(key),
            patient_key=pair.linked.patient_key,
            study_key=pair.linked.study_key,
            image_series_key=pair.linked.series_key,
            algorithm=algorithm,
            algorithm_version=version,
            review_state=state,
            against=self.against,
            agreements=found,
        )
        return Reading(records=(comparison,))

    def _made(self, pair: Pair) -> tuple[str, str, str]:
        """Algorithm, version and review state: as the settings say, else as the object does; its state is its own."""
        if not self.results.of_dicom:
            return self.algorithm, self.algorithm_version, self.review_state
        stated = read_identity(pair.result.path, self.results.link.pseudonyms)
        return self.algorithm or stated.algorithm, self.algorithm_version or stated.algorithm_version, stated.review_state

    def _agreements(self, pair: Pair) -> tuple[Agreement, ...]:
        if self.results.of_dicom:
            both = read_pair(pair.result.path, pair.reading.path)
            mine_dicom, theirs_dicom = (LabelledGrid(grid.labels, grid.structures) for grid in (both.mine, both.theirs))
            return agreements(mine_dicom, theirs_dicom, both.spacing_mm, self.tolerance_mm, self.structures, self.lesions)
        mine, theirs = read_voxels(pair.result.path), read_voxels(pair.reading.path)
        if not mine.lies_as(theirs):
            raise UnreadableLabelMap(OTHER_GRID)
        grids = (_named(pair.result, self.results, mine), _named(pair.reading, self.readings, theirs))
        return agreements(*grids, mine.spacing_mm, self.tolerance_mm, self.structures, self.lesions)


def _named(file: LabelFile, folder: LabelFolder, voxels: VoxelMap) -> LabelledGrid:
    names = names_for(file.path, folder.root, folder.labels, voxels.names)
    return LabelledGrid(voxels.labels, names.labels_of(int(label) for label in np.unique(voxels.labels)))
