"""ask a study's centre to accept this site's key, and how that stands

Sends the public key, signed with the private one, which stays here. Then read the fingerprint to
the coordinator over the telephone. The command can be repeated: it says what became of the key.
"""

from __future__ import annotations

import argparse

from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_exporter.centre_client import client_of, named_study
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site, StudyAtSite

DECIDED = {"accepted": 0, "waiting": 0}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help="id of the study")


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    named_study(settings, chosen.study, chosen.config)
    with Site(settings, SystemClock()) as site:
        (at_site,) = (one for one in site.studies if one.study.id == chosen.study)
        key = site.identity.signing_key
        try:
            answer = _asked(site, at_site)
        except NotDelivered as problem:
            print(problem)
            return 1
    print(f"site {settings.site}, study {chosen.study}: key {answer.fingerprint} is {answer.state}")
    print(answer.message + (f", until {answer.valid_until}" if answer.valid_until else ""))
    if answer.state == "waiting":
        print(f"Read this fingerprint to them, group by group:  {key.public.fingerprint.replace('-', '  ')}")
    return DECIDED.get(answer.state, 1)


def _asked(site: Site, at_site: StudyAtSite) -> EnrolmentAnswer:
    """The centre's answer; the ledger has a line before anything leaves, and one for the answer."""
    today, key = site.clock.now().date(), site.identity.signing_key
    request = EnrolmentRequest.make(at_site.study.id, at_site.site, key, today)
    at_site.domain.noted({"act": "enrolment_asked", "site": at_site.site, "key": key.public.text}, today)
    client = client_of(at_site.settings.centre)
    try:
        answer = client.enrol(request)
    finally:
        client.close()
    at_site.domain.noted({"act": "enrolment_answered", "key": answer.fingerprint, "state": answer.state}, today)
    return answer
