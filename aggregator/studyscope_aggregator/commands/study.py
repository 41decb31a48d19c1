"""the study file: sign a version, and see what differs from the one before

Sites take a study file only with the signature of a key that they trust, and only when they say so.
Change the file in registry/studies, raise its version, look at `diff`, then `sign`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.signed_studies import SignedStudies
from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem
from studyscope_contract.study import Study
from studyscope_contract.study_change import study_changes
from studyscope_contract.yaml_file import FileProblem, Problem, parse_yaml

STEPS = {
    "sign": "sign the version that is in registry/studies; from then on it is offered to the sites",
    "diff": "in words: what differs from the version signed last",
    "versions": "every signed version",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = steps_of(parser, STEPS)
    for step in steps.values():
        step.add_argument("study", metavar="STUDY")
    steps["sign"].add_argument("--key", type=Path, metavar="FILE", help="the coordinator's own key (default: the centre's)")
    actor_argument(steps["sign"])


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    signed = SignedStudies(settings.registry)
    try:
        if chosen.step == "versions":
            for number in signed.versions(chosen.study):
                print(f"version {number}, signed by {signed.version(chosen.study, number).key}")
            return 0
        file = load_registry(settings.registry).studies.get(chosen.study)
        if file is None:
            missing = f"holds no study {chosen.study}"
            raise FileProblem(settings.registry / "studies", [Problem(0, "", missing)])
        _differences(signed.newest(chosen.study), file.study)
        if chosen.step == "sign":
            _sign(settings, chosen, file.raw, signed)
    except SignedStudyProblem as problem:
        print(problem)
        return 1
    return 0


def _sign(settings: CentreSettings, chosen: argparse.Namespace, raw: bytes, studies: SignedStudies) -> None:
    key = SigningKey.load(chosen.key) if chosen.key else settings.signing_key()
    if key is None:
        raise KeyProblem(f"{chosen.config}: no key: say `key:` there and run keygen, or give --key FILE")
    made = SignedStudy.sign(raw, settings.registry / "studies" / f"{chosen.study}.yaml", key)
    path = studies.add(made)
    facts = {"study": made.study, "version": made.version, "key": made.key}
    tell(settings.registry, chosen, SystemClock().now(), "study sign", **facts)
    print(f"version {made.version} is signed by {made.key} and offered to the sites; for a site without a line: {path}")


def _differences(before: SignedStudy | None, study: Study) -> None:
    if before is None:
        print(f"study {study.id}: no version is signed yet; this one is {study.version}")
        return
    changes = study_changes(parse_yaml(before.text.encode(), Path(f"version {before.version}"), Study), study)
    print(f"study {study.id}: from version {before.version} to {study.version}:")
    for change in changes or ("nothing differs",):
        print(f"  {change}")
