"""ask a study's centre to accept this site's key, and how that stands

Makes a request with the public key, signed with the private one, which stays here. It goes over the
line; or lies ready where the centre fetches (`delivery: fetched`); or, with --file, is written to be
carried there. Then read the fingerprint to the coordinator over the telephone. The command can be
repeated: it says what became of the key.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_exporter.centre_client import client_of, named_study
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site, StudyAtSite

DECIDED = {"accepted": 0, "waiting": 0}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help="id of the study")
    parser.add_argument("--file", type=Path, metavar="FILE", help="write the request into this new file; send nothing")


def execute(chosen: argparse.Namespace) -> int:
    if chosen.file and chosen.file.exists():
        print(f"{chosen.file} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    settings = read_site_file(chosen.config)
    named_study(settings, chosen.study, chosen.config)
    with Site(settings, SystemClock()) as site:
        (at_site,) = (one for one in site.studies if one.study.id == chosen.study)
        if chosen.file:
            return _written(site, at_site, chosen.file)
        if at_site.settings.centre.delivery == "fetched":
            return _laid_ready(site, at_site)
        try:
            answer = _asked(site, at_site)
        except NotDelivered as problem:
            print(problem)
            return 1
        _tell(at_site, answer)
        if answer.state == "waiting":
            _read_out(site)
    return DECIDED.get(answer.state, 1)


def _asked(site: Site, at_site: StudyAtSite) -> EnrolmentAnswer:
    """The centre's answer over the line."""
    request = _request(site, at_site)
    client = client_of(at_site.settings.centre)
    try:
        answer = client.enrol(request)
    finally:
        client.close()
    _note(site, at_site, answer)
    return answer


def _laid_ready(site: Site, at_site: StudyAtSite) -> int:
    """For a centre that fetches: what it said when it was here last, and the request for its next visit."""
    requests, key = site.key_requests(at_site), site.identity.signing_key
    answer = requests.answer(key.public.fingerprint)
    if answer is not None:
        _note(site, at_site, answer)
        _tell(at_site, answer)
    requests.put(_request(site, at_site))
    if answer is None or answer.state == "waiting":
        print("The request lies ready: the centre takes it when it comes next, while `run` runs here.")
        _read_out(site)
    else:
        print("So it was at the centre's last visit; it is asked again at the next.")
    return 0 if answer is None else DECIDED.get(answer.state, 1)


def _written(site: Site, at_site: StudyAtSite, file: Path) -> int:
    file.write_bytes(_request(site, at_site).to_bytes() + b"\n")
    print(f"The request is in {file}; give it to the coordinator: studyscope-aggregator sites import {file.name}")
    _read_out(site)
    return 0


def _request(site: Site, at_site: StudyAtSite) -> EnrolmentRequest:
    """The ledger has its line before anything leaves."""
    today, key = site.clock.now().date(), site.identity.signing_key
    at_site.domain.noted({"act": "enrolment_asked", "site": at_site.site, "key": key.public.text}, today)
    return EnrolmentRequest.make(at_site.study.id, at_site.site, key, today)


def _note(site: Site, at_site: StudyAtSite, answer: EnrolmentAnswer) -> None:
    facts = {"act": "enrolment_answered", "key": answer.fingerprint, "state": answer.state}
    at_site.domain.noted(facts, site.clock.now().date())


def _tell(at_site: StudyAtSite, answer: EnrolmentAnswer) -> None:
    print(f"site {at_site.site}, study {at_site.study.id}: key {answer.fingerprint} is {answer.state}")
    print(answer.message + (f", until {answer.valid_until}" if answer.valid_until else ""))


def _read_out(site: Site) -> None:
    fingerprint = site.identity.signing_key.public.fingerprint
    print(f"Read this fingerprint to the coordinator, group by group:  {fingerprint.replace('-', '  ')}")
