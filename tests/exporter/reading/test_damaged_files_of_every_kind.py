"""A few of the damaged files of `make hostile`: each gives a record or a reason, in time, and its text goes nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostile.corpus import corpus
from hostile.trying import tried


def test_the_sound_files_are_read(tmp_path: Path) -> None:
    for number, sound in enumerate(corpus(tmp_path)):
        (tmp_path / f"scratch-{number}").mkdir()
        assert set(sound.read(sound.content, tmp_path / f"scratch-{number}").split(" / ")) == {"read"}, sound.name


def test_damaged_files_of_every_kind_give_a_record_or_a_reason() -> None:
    found = tried(range(450))

    assert found.harm == []
    assert found.files == 450
    assert {outcome.partition(":")[0] for outcome in found.outcomes} >= {
        "dicom binary",
        "NIfTI a.nii.gz",
        "jobs 0",
        "landmarks 8",
    }


@pytest.mark.parametrize("kind", ["sequences", "decisions with a confidence"])
def test_kinds_that_were_added_are_damaged_too(kind: str) -> None:
    found = tried(range(20), kind)

    assert found.harm == []
    assert {outcome.partition(":")[0] for outcome in found.outcomes} == {kind}
    assert found.files == 20


def test_a_lone_surrogate_and_a_nul_stop_no_scan(tmp_path: Path) -> None:
    for sound, raw in (
        ("jobs 0", b'{"id": "\\ud800", "workflow": "\\udfff", "state": "success"}\n'),
        ("jobs 1", b"id,workflow,state\n\0,w,success\n"),
    ):
        (reader,) = (one.read for one in corpus(tmp_path) if one.name == sound)
        (tmp_path / sound).mkdir()
        assert reader(raw, tmp_path / sound) in ("read", "read in part", "unavailable")
