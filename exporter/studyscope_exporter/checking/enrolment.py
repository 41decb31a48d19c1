"""What the centre says about this site: the study's version there, whether it names us, and the last report it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studyscope_contract.study import Study
from studyscope_contract.yaml_file import FileProblem, parse_yaml
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.sources.source import Finding


def enrolment(client: CentreClient, site: str, study: Study, fingerprint: str, sent: int) -> Iterator[Finding]:
    """How `site` with its key stands at the centre; `sent` is the number of the last report that it made, 0 for none."""
    raw = client.study_file(study.id)
    if raw is None:
        yield Finding(
            False, f"the centre has no study {study.id}: is it the right centre, and did the coordinator put the study there"
        )
        return
    yield _version(raw, site, study)
    key = client.enrolment(site, fingerprint)
    if key is not None and key.state == "unknown":
        yield Finding(False, f"the centre does not know our key {fingerprint}: run enrol {study.id}, then call the coordinator")
    elif key is not None:
        yield Finding(key.state == "accepted", f"our key {fingerprint} is {key.state}: {key.message}")
    last = client.last_sequence(study.id, site)
    if last is None:
        yield Finding(True, f"study {study.id}: the centre has no report of site {site} yet")
    elif last > sent:
        yield Finding(
            False,
            f"study {study.id}: the centre has report {last}, this machine made {sent}: the state is an old copy, "
            "or a second exporter uses our key. Stop it and call the coordinator",
        )
    else:
        yield Finding(True, f"study {study.id}: the centre has our report {last}")


def _version(raw: bytes, site: str, study: Study) -> Finding:
    try:
        theirs = parse_yaml(raw, Path("the centre's study file"), Study)
    except FileProblem:
        return Finding(
            True, f"study {study.id}: the centre's study file is of a newer release than this exporter; update when you can"
        )
    if theirs.site(site) is None:
        return Finding(False, f"study {study.id} at the centre does not name site {site}: ask its coordinator to add it")
    if theirs.version > study.version:
        return Finding(
            True,
            f"study {study.id}: the centre has version {theirs.version}, here is {study.version}: see study diff {study.id}",
        )
    if theirs.version < study.version:
        return Finding(
            False,
            f"study {study.id}: here is version {study.version}, the centre has {theirs.version} and will make reports wait",
        )
    if theirs.hash != study.hash:
        return Finding(
            False, f"study {study.id}: both files say version {study.version} but differ: get the file from the coordinator again"
        )
    return Finding(True, f"study {study.id}: version {study.version} here and at the centre")
