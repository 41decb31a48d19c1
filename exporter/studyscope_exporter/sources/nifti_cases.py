"""One case of label maps, read from its file or from all files of its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studyscope_exporter.inventory import Reading
from studyscope_exporter.lesions import MOST_VOXELS, lesion_counts
from studyscope_exporter.linking import Link
from studyscope_exporter.nifti.errors import NO_PERMISSION, UnreadableLabelMap
from studyscope_exporter.nifti.label_map import read_label_map
from studyscope_exporter.nifti.label_names import BadLabelTable, LabelNames, named_labels, read_dataset_json
from studyscope_exporter.nifti.voxels import read_voxels
from studyscope_exporter.records import Segmentation, StructureVolume
from studyscope_exporter.structures import structure_name, summed_by_name


def names_for(path: Path, root: Path, stated: Mapping[str, object] | None, own: LabelNames) -> LabelNames:
    """From the settings, else the file itself, else dataset.json beside it or one folder above, in the source."""
    if stated is not None:
        return named_labels({name: list(of) if isinstance(of, tuple) else of for name, of in stated.items()})
    if own:
        return own
    folders = [path.parent] if path.parent == root else [path.parent, path.parent.parent]
    for folder in folders:
        try:
            return read_dataset_json(folder / "dataset.json")
        except (OSError, BadLabelTable):
            continue
    return LabelNames()


@dataclass(frozen=True)
class CaseReader:
    """Reads files into Readings; picklable, for an executor. Fields as in the source's settings."""

    source: str
    root: Path
    folders: bool
    labels: Mapping[str, object] | None
    algorithm: str
    algorithm_version: str
    review_state: str
    review_folders: Mapping[str, str]
    reading: str
    link: Link
    lesions: frozenset[str] = frozenset()

    def __call__(self, paths: tuple[str, ...]) -> list[Reading]:
        """One Reading per path; in the layout of folders the first one that can be read holds the record."""
        if self.folders:
            return self._folder([Path(path) for path in paths])
        return [self._file(Path(path)) for path in paths]

    def _file(self, path: Path) -> Reading:
        try:
            label_map = read_label_map(path)
            names = names_for(path, self.root, self.labels, label_map.names)
            lesions = self._lesions(path, names.labels_of(label_map.voxels)) if self.lesions else {}
        except UnreadableLabelMap as error:
            return _unreadable(error)
        structures = names.volumes(label_map.voxels, label_map.voxel_ml)
        return Reading(records=(self._record(path, _with_lesions(structures, lesions)),))

    def _lesions(self, path: Path, structures: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """Parts of the structures that were asked for; none where only volumes can be had of the image (it is too large)."""
        asked = {name: labels for name, labels in structures.items() if name in self.lesions}
        if not asked:
            return {}
        try:
            labels = read_voxels(path).labels
        except UnreadableLabelMap:
            return {}
        return lesion_counts(labels, asked) if labels.size <= MOST_VOXELS else {}

    def _folder(self, paths: list[Path]) -> list[Reading]:
        readings: list[Reading] = []
        volumes: list[tuple[str, float]] = []
        lesions: dict[str, int] = {}
        for path in sorted(paths):
            name = structure_name(stem(path), "unnamed")
            try:
                label_map = read_label_map(path)
                lesions |= self._lesions(path, {name: tuple(label_map.voxels)})
            except UnreadableLabelMap as error:
                readings.append(_unreadable(error))
                continue
            readings.append(Reading())
            volumes.append((name, sum(label_map.voxels.values()) * label_map.voxel_ml))
        first = next((at for at, reading in enumerate(readings) if not reading.unreadable), None)
        if first is not None:
            readings[first] = Reading(records=(self._record(paths[0].parent, _with_lesions(summed_by_name(volumes), lesions)),))
        of_path = dict(zip(sorted(paths), readings, strict=True))
        return [of_path[path] for path in paths]

    def _record(self, path: Path, structures: tuple[StructureVolume, ...]) -> Segmentation:
        below = path.relative_to(self.root).as_posix()
        linked = self.link.of((below, path.name, stem(path)))
        states = (self.review_folders[part] for part in path.relative_to(self.root).parts if part in self.review_folders)
        return Segmentation(
            segmentation_key=self.link.pseudonyms.path(os.fsencode(f"{self.source}\0{below}")),
            patient_key=linked.patient_key,
            study_key=linked.study_key,
            image_series_key=linked.series_key,
            algorithm=self.algorithm,
            algorithm_version=self.algorithm_version,
            review_state=next(states, self.review_state),
            reading=self.reading,
            structures=structures,
        )


def _with_lesions(structures: tuple[StructureVolume, ...], lesions: Mapping[str, int]) -> tuple[StructureVolume, ...]:
    return tuple(replace(one, lesions=lesions.get(one.structure)) for one in structures)


def _unreadable(error: UnreadableLabelMap) -> Reading:
    # A permission can be given without the file changing.
    return Reading(unreadable=error.reason, retry=error.reason == NO_PERMISSION)


def stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".nii"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
