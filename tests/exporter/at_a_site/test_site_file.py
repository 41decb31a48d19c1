"""Every mistake in a site file is named by file, line, key and what is allowed; nothing starts before."""

from pathlib import Path

import pytest

from disclosure_cast import study as a_study
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.settings import StudySettings, effective_policy, read_site_file

KEY = SigningKey.generate().public.text
GOOD = f"""\
site: berlin
state: state
keys: keys
sources:
  - name: archive
    kind: folder
    path: dicom
studies:
  - study_file: study.yaml
    centre:
      url: https://studyscope.example
    policy:
      preset: tens
    approvers:
      - name: Data protection
        key: {KEY}
"""

MISTAKES = [
    ("unknown key", "state: state", "stat: state", 2, "stat", "unknown key; allowed here: "),
    ("no state folder", "state: state\n", "", 1, "state", "is missing"),
    ("unknown kind of source", "kind: folder", "kind: pigeon", 5, "sources.0", "'nifti', 'nnunet_summary', 'pairs'"),
    ("unknown key of a source", "path: dicom", "paht: dicom", 7, "sources.0.paht", "unknown key; allowed here:"),
    ("centre without encryption", "https://", "http://", 11, "studies.0.centre.url", "must be an https:// address"),
    ("unknown preset", "preset: tens", "preset: ones", 13, "studies.0.policy.preset", "'tens', 'tens-open', 'fives' or 'coarse'"),
    ("loosened policy", "preset: tens", "preset: tens\n      k: 5", 12, "studies.0.policy", "only stricter is allowed"),
    ("no approver", f"approvers:\n      - name: Data protection\n        key: {KEY}", "approvers: []", 14, "studies.0.approvers", "at least 1 item"),
    ("approver's key cut short", KEY, KEY[:-8], 16, "studies.0.approvers.0.key", "a public key must be 'ed25519:'"),
    ("keys inside the state", "keys: keys", "keys: state/keys", 1, "", "keys must lie outside the state folder"),
    ("two sources of one name", "studies:", "  - {name: archive, kind: folder, path: x}\nstudies:", 1, "", "two sources have the same name: archive"),
    ("a study with an unknown source", "    approvers:", "    sources: [attic]\n    approvers:", 1, "", "unknown sources: attic; there are: archive"),
    ("minute out of range", "    approvers:", "    minute: 75\n    approvers:", 14, "studies.0.minute", "less than or equal to 59"),
    ("minute before an audit can be over", "    approvers:", "    minute: 5\n    approvers:", 14, "studies.0.minute", "greater than or equal to 15"),
]  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_and_folders_are_relative_to_it(tmp_path: Path) -> None:
    settings = read_site_file(written(tmp_path, GOOD))

    assert settings.state == tmp_path / "state"
    assert settings.sources[0].path == tmp_path / "dicom"
    assert settings.studies[0].study_file == tmp_path / "study.yaml"
    assert settings.studies[0].policy.parameters.s == 15


@pytest.mark.parametrize(("mistake", "old", "new", "line", "key", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, mistake: str, old: str, new: str, line: int, key: str, message: str
) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD, mistake

    with pytest.raises(FileProblem) as caught:
        read_site_file(written(tmp_path, text))

    assert any((problem.line, problem.key) == (line, key) and message in problem.message for problem in caught.value.problems), (
        str(caught.value)
    )


def test_this_machine_may_be_reached_without_encryption(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"):
        text = GOOD.replace("https://studyscope.example", f'"{url}"')
        assert read_site_file(written(tmp_path, text)).studies[0].centre.url == url


def test_what_the_study_asks_for_raises_the_hospitals_policy_and_cannot_lower_it(tmp_path: Path) -> None:
    settings = StudySettings.model_construct(study_file=tmp_path / "study.yaml", policy=Policy())

    raised = effective_policy(settings, a_study(disclosure={"k": 20, "b": 20, "s": 30}))
    same = effective_policy(settings, a_study(disclosure={"k": 5}))

    assert raised.parameters == Parameters(k=20, b=20, s=30, m=10)
    assert same == Policy()


def test_a_study_that_asks_for_what_does_not_fit_is_refused_with_the_key(tmp_path: Path) -> None:
    settings = StudySettings.model_construct(study_file=tmp_path / "study.yaml", policy=Policy(preset="fives"))

    with pytest.raises(FileProblem, match=r"disclosure: the study asks for more .* bin edge"):
        effective_policy(settings, a_study(disclosure={"s": 15}))
