"""Which label maps of several folders are of one image, and how far the members of an ensemble agree on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studyscope_exporter.inventory import Reading
from studyscope_exporter.linking import Linked
from studyscope_exporter.nifti.errors import OTHER_GRID, TOO_LARGE, TOO_MANY_LABELS, UnreadableLabelMap
from studyscope_exporter.nifti.voxels import MOST_VOXELS, read_voxels
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.quality.overlap import dice
from studyscope_exporter.quality.pair import LabelledGrid, TooManyLabels, confusion
from studyscope_exporter.records import ENSEMBLE, Agreement, Comparison
from studyscope_exporter.sources.nifti_cases import names_for
from studyscope_exporter.sources.pair_files import SEVERAL_OF_ONE_IMAGE, UNLINKED, LabelFile, LabelFolder

ONE_MEMBER = "of one member only"


@dataclass(frozen=True)
class EnsembleCase:
    """The label maps of one image: by number of the member its file."""

    files: tuple[tuple[int, LabelFile], ...]
    linked: Linked

    def item(self, pseudonyms: Pseudonyms, reads_as: bytes) -> bytes:
        """A key that changes when one of the files does, or how they are read."""
        said = repr([(member, file.below, file.state) for member, file in self.files])
        return pseudonyms.path(reads_as + os.fsencode(said))


@dataclass(frozen=True)
class FoundCases:
    """The cases that several members have, and how many files belong to none, by reason."""

    cases: tuple[EnsembleCase, ...]
    ignored: Mapping[str, int]
    files: int


def found_cases(members: Sequence[LabelFolder]) -> FoundCases:
    """Cases by what their links say; raises OSError where a folder cannot be listed."""
    of_image: dict[Linked, list[tuple[int, LabelFile]]] = {}
    ignored, files = dict[str, int](), 0
    for member, folder in enumerate(members):
        for file, linked in folder.files().items():
            files += 1
            if linked:
                of_image.setdefault(linked, []).append((member, file))
            else:
                ignored[UNLINKED] = ignored.get(UNLINKED, 0) + 1
    cases = []
    for linked, of in of_image.items():
        numbers = [member for member, _ in of]
        if len(numbers) != len(set(numbers)):
            ignored[SEVERAL_OF_ONE_IMAGE] = ignored.get(SEVERAL_OF_ONE_IMAGE, 0) + len(of)
        elif len(numbers) == 1:
            ignored[ONE_MEMBER] = ignored.get(ONE_MEMBER, 0) + 1
        else:
            cases.append(EnsembleCase(tuple(of), linked))
    return FoundCases(tuple(cases), ignored, files)


@dataclass(frozen=True)
class EnsembleReader:
    """Reads cases into Readings; picklable, for an executor. Fields as in the source's settings."""

    source: str
    members: tuple[LabelFolder, ...]
    algorithm: str
    algorithm_version: str

    def __call__(self, cases: Iterable[EnsembleCase]) -> list[Reading]:
        """One Reading per case; one whose members cannot be compared says why."""
        return [self._read(case) for case in cases]

    def _read(self, case: EnsembleCase) -> Reading:
        try:
            agreements = mean_agreements(self._grids(case))
        except UnreadableLabelMap as error:
            return Reading(unreadable=error.reason)
        except TooManyLabels:
            return Reading(unreadable=TOO_MANY_LABELS)
        pseudonyms, (_, first) = self.members[0].link.pseudonyms, case.files[0]
        comparison = Comparison(
            comparison_key=pseudonyms.path(os.fsencode(f"{self.source}\0{first.below}")),
            patient_key=case.linked.patient_key,
            study_key=case.linked.study_key,
            image_series_key=case.linked.series_key,
            algorithm=self.algorithm,
            algorithm_version=self.algorithm_version,
            review_state="automatic",
            against=ENSEMBLE,
            agreements=agreements,
        )
        return Reading(records=(comparison,))

    def _grids(self, case: EnsembleCase) -> list[LabelledGrid]:
        grids, first = [], None
        for member, file in case.files:
            voxels = read_voxels(file.path)
            if voxels.labels.size * len(case.files) > 2 * MOST_VOXELS:
                raise UnreadableLabelMap(TOO_LARGE)
            first = voxels if first is None else first
            if not first.lies_as(voxels):
                raise UnreadableLabelMap(OTHER_GRID)
            folder = self.members[member]
            names = names_for(file.path, folder.root, folder.labels, voxels.names)
            grids.append(LabelledGrid(voxels.labels, names.labels_of(int(label) for label in np.unique(voxels.labels))))
        return grids


def mean_agreements(members: Sequence[LabelledGrid]) -> tuple[Agreement, ...]:
    """Of each structure the mean Dice over all pairs of members of which one holds it; raises TooManyLabels."""
    found: dict[str, list[float]] = {}
    for one, other in itertools.combinations(members, 2):
        counts = confusion(one.labels, other.labels)
        for name in dict.fromkeys((*one.structures, *other.structures)):
            mine, theirs = one.structures.get(name, ()), other.structures.get(name, ())
            value = dice(counts.count(mine, theirs), counts.in_result(mine), counts.in_reference(theirs))
            values = found.setdefault(name, [])
            if value is not None:
                values.append(value)
    return tuple(_agreement(name, values) for name, values in found.items())


def _agreement(name: str, values: Sequence[float]) -> Agreement:
    mean = sum(values) / len(values) if values else None
    return Agreement(structure=name, dice=mean, surface_dice=None, hausdorff_mm=None, volume_difference=None, noise=None)
