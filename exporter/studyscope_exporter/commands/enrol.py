"""ask a study's centre to accept this site's key, and how that stands

Sends the public key, signed with the private one, which stays here. Then read the fingerprint to
the coordinator over the telephone. The command can be repeated: it says what became of the key.
"""

from __future__ import annotations

import argparse

from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_exporter.centre_client import client_of, named_study
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.settings import read_site_file

DECIDED = {"accepted": 0, "waiting": 0}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help="id of the study")


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    study = named_study(settings, chosen.study, chosen.config)
    key = SiteIdentity.load(settings.keys).signing_key
    request = EnrolmentRequest.make(chosen.study, settings.site, key, SystemClock().now().date())
    client = client_of(study.centre)
    try:
        answer = client.enrol(request)
    except NotDelivered as problem:
        print(problem)
        return 1
    finally:
        client.close()
    print(f"site {settings.site}, study {chosen.study}: key {answer.fingerprint} is {answer.state}")
    print(answer.message + (f", until {answer.valid_until}" if answer.valid_until else ""))
    if answer.state == "waiting":
        print(f"Read this fingerprint to them, group by group:  {key.public.fingerprint.replace('-', '  ')}")
    return DECIDED.get(answer.state, 1)
