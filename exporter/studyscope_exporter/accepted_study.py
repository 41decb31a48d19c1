"""Whether a person accepted a newer version of a study while the service runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from studyscope_contract.study import Study
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.settings import StudySettings, effective_policy, read_study_file

log = logging.getLogger(__name__)


def newly_accepted(settings: Sequence[StudySettings], in_force: Sequence[Study]) -> Study | None:
    """A study whose file holds a newer version than the one in force, and can be used.

    `settings` as the site file has them, in the order of `in_force`. A file with a mistake is told of
    in the log; the version in force goes on.
    """
    for here, study in zip(settings, in_force, strict=True):
        try:
            found = read_study_file(here.study_file)
            if found.id == study.id and found.version > study.version:
                effective_policy(here, found)
                return found
        except FileProblem as problem:
            log.error("study %s: version %d stays in force; correct this:\n%s", study.id, study.version, problem)
    return None
