"""The closed codes of the contract: fixed tuples, and the lists that dirty DICOM text is mapped to.

The lists are reviewed data (`codes/*.yaml`); `docs/vocabulary.md` says how to add a spelling.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path

from studyscope_contract.code_file import CodeFile
from studyscope_contract.code_list import CodeList
from studyscope_contract.spelling import RULES
from studyscope_contract.yaml_file import parse_yaml

JOB_OUTCOMES = ("succeeded", "failed", "cancelled", "running", "stuck")
FAILURE_REASONS = (
    "none",
    "out_of_memory",
    "out_of_time",
    "bad_input",
    "missing_input",
    "infrastructure",
    "model_error",
    "other",
)
STAGES = ("imaged", "transferred", "segmented", "reviewed", "analysed")
SEXES = ("F", "M", "O", "not_stated")
AGE_BANDS = ("0-17", "18-39", "40-59", "60-79", "80+", "not_stated")
REVIEW_STATES = ("automatic", "corrected", "manual", "not_stated")
SEGMENT_STATES = ("present", "missing", "empty")

CODE_LISTS = ("modality", "vendor", "model_class", "body_part", "laterality", "mr_sequence")


class UnknownCodeList(LookupError):
    """No code list has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no code list {name!r}; use one of {', '.join(CODE_LISTS)}")


@lru_cache(maxsize=len(CODE_LISTS))
def load_code_list(name: str) -> CodeList:
    """The code list `name`. Raises UnknownCodeList, and FileProblem when its file is not valid."""
    return _code_file(name).code_list(name)


@lru_cache(maxsize=1)
def vocabulary_hash() -> str:
    """Short digest of what every list says and of the matching; another one means: read the headers again.

    Comments and layout of the files do not change it, so that an archive is not read again for a remark.
    """
    content = {name: _code_file(name).model_dump(mode="json") for name in CODE_LISTS}
    text = json.dumps([RULES, content], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


@lru_cache(maxsize=len(CODE_LISTS))
def _code_file(name: str) -> CodeFile:
    if name not in CODE_LISTS:
        raise UnknownCodeList(name)
    raw = resources.files("studyscope_contract").joinpath("codes", f"{name}.yaml").read_bytes()
    return parse_yaml(raw, Path("codes", f"{name}.yaml"), CodeFile)
