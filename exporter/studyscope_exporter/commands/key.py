"""a new signing key for this site: show, new, use, discard

  key show       the key that signs, one that waits, and what each centre says of them
  key new        makes the next key and asks every centre to accept it; the key of today signs for it
  key use        once the centres have accepted it: signs with it from now on; the old one is erased
  key discard    forgets a key that waits

Both keys are valid at the centre for a while, so that nothing that waits here is lost. The ledger
goes on: a line in it says that the old key handed over to the new one.
Was the key stolen or lost? `key new --without-old REASON`: the coordinator then revokes the old
one and accepts the new one after comparing its fingerprint.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from studyscope_contract.amount import amount
from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_contract.keys import KeyProblem, SigningKey, VerifyingKey
from studyscope_exporter.centre_client import client_of
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.commands.opened import opened_site
from studyscope_exporter.delivery.key_requests import KeyRequests
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.key_folder import SIGNING_KEY, NextKey, discard_next_key, make_next_key, next_key, put_in_use
from studyscope_exporter.settings import SiteSettings, StudySettings, read_site_file, read_study_file


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(title="what to do", required=True, metavar="show | new | use | discard", dest="what")
    steps.add_parser("show", help="the keys, and what each centre says of them")
    new = steps.add_parser("new", help="make the next key and ask every centre to accept it; can be repeated")
    new.add_argument("--without-old", metavar="REASON", help="the key of today was stolen or lost and signs for nothing any more")
    new.add_argument("--old-key", metavar="KEY", help="its public half, where its file is not there any more")
    use = steps.add_parser("use", help="sign with the next key from now on")
    use.add_argument(
        "--confirm", metavar="FINGERPRINT", help="for a site without a line: the coordinator told you it is accepted"
    )
    steps.add_parser("discard", help="forget the key that waits")


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    following = next_key(settings.keys)
    if chosen.what == "show":
        return _show(settings, following)
    if chosen.what == "new":
        return _new(settings, following, chosen)
    if following is None:
        raise KeyProblem("no key waits; make one with: key new")
    if chosen.what == "discard":
        discard_next_key(settings.keys)
        print(f"key {following.key.public.fingerprint} is forgotten; tell the coordinator to refuse it")
        return 0
    return _use(settings, following, chosen)


def _show(settings: SiteSettings, following: NextKey | None) -> int:
    if (settings.keys / SIGNING_KEY).exists():
        _tell(settings, SigningKey.load(settings.keys / SIGNING_KEY).public, "signs")
    else:
        print(f"{settings.keys / SIGNING_KEY} is not there")
    if following is not None:
        _tell(settings, following.key.public, "waits to be used")
    return 0


def _tell(settings: SiteSettings, key: VerifyingKey, what: str) -> None:
    print(f"{key.fingerprint}  {what}   {key.text}")
    for study, answer in _answers(settings, key):
        print(f"    study {study}: {answer if isinstance(answer, str) else _words(answer)}")


def _new(settings: SiteSettings, following: NextKey | None, chosen: argparse.Namespace) -> int:
    because, today = (chosen.without_old or "").strip(), SystemClock().now().date()
    if following is not None and (following.change.because is None) != (not because):
        raise KeyProblem("a key of the other kind waits; forget it with: key discard")
    if following is None:
        old = VerifyingKey.parse(chosen.old_key) if chosen.old_key else None
        following = make_next_key(settings.keys, settings.site, today, old=old, because=because)
    reached = [_asked(settings, following, study) for study in settings.studies]
    print(f"Read this fingerprint to each coordinator:  {following.key.public.fingerprint.replace('-', '  ')}")
    if because:
        print("Tell them that the old key is not to be trusted any more: they revoke it and accept this one.")
    print("Reports go on under the old key meanwhile. Once every centre has accepted the new one: key use")
    return 0 if all(reached) else 1


def _asked(settings: SiteSettings, following: NextKey, study: StudySettings) -> bool:
    name = read_study_file(study.study_file).id
    request = EnrolmentRequest.make(name, settings.site, following.key, SystemClock().now().date(), following.change)
    if study.centre.delivery == "fetched":
        KeyRequests(settings.state, name).put(request)
        print(f"study {name}: the request lies ready; the centre takes it when it comes next")
        return True
    client = client_of(study.centre)
    try:
        print(f"study {name}: {_words(client.enrol(request))}")
    except NotDelivered as problem:
        print(f"study {name}: {problem}; repeat the command, or give the coordinator this key: {following.key.public.text}")
        return False
    finally:
        client.close()
    return True


def _use(settings: SiteSettings, following: NextKey, chosen: argparse.Namespace) -> int:
    public = following.key.public
    if chosen.confirm is not None and chosen.confirm != public.fingerprint:
        raise KeyProblem(f"the key that waits is {public.fingerprint}, not {chosen.confirm}: nothing was changed")
    if chosen.confirm is None:
        missing = [study for study, answer in _answers(settings, public) if not _is_accepted(answer)]
        if missing:
            print(f"nothing was changed: key {public.fingerprint} is not accepted yet for {', '.join(missing)}; see key show")
            return 1
    put_in_use(settings.keys, following)
    again = 0
    with opened_site(chosen) as site:  # opening a study hands its ledger over to the new key
        for study in site.studies:
            again += study.outbox.sign_again(following.key) if following.change.because else 0
    print(f"site {settings.site} signs with key {public.fingerprint} from now on; every ledger says so")
    if again:
        print(f"signed by it too: {amount(again, 'report')} that waited, because the centre takes nothing from the old key")
    print(f"The old private key is erased here. Back up {settings.keys} again, apart from the state folder.")
    return 0


def _answers(settings: SiteSettings, key: VerifyingKey) -> Iterator[tuple[str, EnrolmentAnswer | str]]:
    """What each study's centre says of a key, or why it says nothing."""
    for study in settings.studies:
        name = read_study_file(study.study_file).id
        if study.centre.delivery == "fetched":
            yield name, KeyRequests(settings.state, name).answer(key.fingerprint) or "the centre was not here since"
            continue
        client = client_of(study.centre)
        try:
            answer = client.enrolment(settings.site, key.fingerprint)
        except NotDelivered as problem:
            yield name, str(problem)
        else:
            yield name, answer or "a centre of an older release, which does not say"
        finally:
            client.close()


def _is_accepted(answer: EnrolmentAnswer | str) -> bool:
    return not isinstance(answer, str) and answer.state == "accepted"


def _words(answer: EnrolmentAnswer) -> str:
    return f"{answer.state}: {answer.message}" + (f", until {answer.valid_until}" if answer.valid_until else "")
