"""Who may sign at this site: the approvers of the site file, and those of the file that `approver` keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from studyscope_contract.yaml_file import FileProblem, Problem, Strict, read_yaml
from studyscope_exporter.settings import Approver, StudySettings

_HEAD = "# Kept by `studyscope-exporter approver`; every change is in the ledger of the study.\n"


class ApproversFile(Strict):
    """The file that `approvers_file` of a study names."""

    approvers: tuple[Approver, ...] = ()


def approvers_of(settings: StudySettings) -> tuple[Approver, ...]:
    """Everybody whose signature counts; raises FileProblem where two share a key or a name."""
    kept = kept_approvers(settings.approvers_file)
    everybody = (*settings.approvers, *kept)
    for what in ("name", "key"):
        values = [getattr(one, what) for one in everybody]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            where = settings.approvers_file or settings.study_file
            raise FileProblem(where, [Problem(0, "approvers", f"the {what} {twice[0]} stands twice; remove one")])
    return everybody


def kept_approvers(path: Path | None) -> tuple[Approver, ...]:
    """Those of the file; none while there is no file."""
    return read_yaml(path, ApproversFile).approvers if path is not None and path.exists() else ()


def keep_approvers(path: Path, approvers: Sequence[Approver]) -> None:
    """Writes the file anew, so that a crash leaves the old one or the new one."""
    text = _HEAD + yaml.safe_dump({"approvers": [one.model_dump() for one in approvers]}, sort_keys=False)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
