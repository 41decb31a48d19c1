"""TEMPORARY skeleton by the lead so that others can import; the vocabulary engineer replaces this whole file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

JOB_OUTCOMES = ("succeeded", "failed", "cancelled", "running", "stuck")
FAILURE_REASONS = ("none", "out_of_memory", "out_of_time", "bad_input", "missing_input", "infrastructure", "model_error", "other")
STAGES = ("imaged", "transferred", "segmented", "reviewed", "analysed")
SEXES = ("F", "M", "O", "not_stated")
AGE_BANDS = ("0-17", "18-39", "40-59", "60-79", "80+", "not_stated")
REVIEW_STATES = ("automatic", "corrected", "manual", "not_stated")
SEGMENT_STATES = ("present", "missing", "empty")

_TEMPORARY = {
    "modality": ("CT", "MR", "PT", "NM", "US", "CR", "DX", "MG", "XA", "RF", "SM", "SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "OT"),
    "vendor": ("siemens", "ge", "philips", "canon", "fujifilm", "agfa", "hologic"),
    "model_class": (),
    "body_part": ("head", "neck", "chest", "breast", "abdomen", "pelvis", "spine", "upper_limb", "lower_limb", "heart", "whole_body"),
    "laterality": ("left", "right", "both"),
    "mr_sequence": ("t1", "t2", "flair", "dwi"),
}


@dataclass(frozen=True)
class CodeList:
    name: str
    title: str
    codes: tuple[str, ...]

    def label(self, code: str) -> str:
        return code

    def code(self, text: str | None) -> str:
        if not text or not text.strip():
            return "not_stated"
        for code in self.codes:
            if text.strip().casefold().startswith(code.casefold()):
                return code
        return "other"


@lru_cache
def load_code_list(name: str) -> CodeList:
    return CodeList(name, name, (*_TEMPORARY[name], "other", "not_stated"))


def vocabulary_hash() -> str:
    return "temporary"
