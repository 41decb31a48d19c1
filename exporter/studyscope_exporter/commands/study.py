"""the study file: what the centre offers, what would change here, and accept it

show   the version here and the one that the centre offers, and who signed it
diff   in words, what the offered version would change: first the tables that could leave, last how many
       patients here it is about, and how many of them another study here has too; exact, for your eyes only
accept takes the offered version; the one before is kept beside it
A version is taken only with the signature of one of the `keys` under `centre` in the site file.
The offered one comes from the centre; where it fetches (`delivery: fetched`), it left it here at its last
visit. With --file FILE the signed file comes from there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from studyscope_contract.keys import KeyProblem
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem
from studyscope_contract.study import Study
from studyscope_contract.study_change import study_changes
from studyscope_exporter.before_release.words import overlap_words
from studyscope_exporter.centre_client import client_of, named_study
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.delivery.brought_study import BroughtStudy
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.errors import DisclosureError
from studyscope_exporter.disclosure.neighbours import overlaps
from studyscope_exporter.identity import IdentityProblem
from studyscope_exporter.settings import SiteSettings, StudySettings, read_site_file, read_study_file
from studyscope_exporter.site import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", choices=("show", "diff", "accept"))
    parser.add_argument("study", metavar="STUDY", help="id of the study")
    parser.add_argument("--file", type=Path, metavar="FILE", help="the signed study file, for a site without a line")
    parser.add_argument("--yes", action="store_true", help="accept without being asked")


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    here = named_study(settings, chosen.study, chosen.config)
    if not here.centre.keys:
        raise KeyProblem(
            f"{chosen.config}: `centre` of study {chosen.study} names no `keys`: put the coordinator's public key there, "
            "and compare its fingerprint with them over the telephone"
        )
    try:
        signed = _offered(settings, here, chosen)
        offered = signed.verified(here.centre.verifying)
    except (NotDelivered, SignedStudyProblem) as problem:
        print(problem)
        return 1
    mine = read_study_file(here.study_file)
    print(f"study {mine.id}: here is version {mine.version}, offered is {offered.version}, signed by {signed.key}")
    if chosen.step == "show":
        print(signed.text)
        return 0
    return _decide(settings, here, mine, signed, offered, chosen)


def _offered(settings: SiteSettings, here: StudySettings, chosen: argparse.Namespace) -> SignedStudy:
    if chosen.file:
        try:
            return SignedStudy.from_bytes(chosen.file.read_bytes())
        except OSError as error:
            raise SignedStudyProblem(f"{chosen.file} cannot be read: {error.strerror}") from None
    if here.centre.delivery == "fetched":
        brought = BroughtStudy(settings.state, chosen.study).read()
        if brought is None:
            raise SignedStudyProblem(
                f"the centre has brought no file of study {chosen.study} yet: it does at its next visit while `run` runs here, "
                "once its coordinator has signed one; or name a file that came another way with --file"
            )
        return brought
    client = client_of(here.centre)
    try:
        raw = client.signed_study(chosen.study)
    finally:
        client.close()
    if raw is None:
        raise SignedStudyProblem(f"the centre offers no signed file of study {chosen.study}: its coordinator has to sign one")
    return SignedStudy.from_bytes(raw)


def _decide(
    settings: SiteSettings, here: StudySettings, mine: Study, signed: SignedStudy, offered: Study, chosen: argparse.Namespace
) -> int:
    if (offered.id, offered.version) == (mine.id, mine.version) and offered.hash == mine.hash:
        print("that is the one that this site has accepted; nothing to do")
        return 0
    if offered.id != mine.id or offered.version <= mine.version:
        print(f"only a newer version of study {mine.id} than {mine.version} can be accepted; nothing was changed")
        return 1
    for change in study_changes(mine, offered):
        print(f"  {change}")
    for sentence in _people_here(settings, mine, offered):
        print(f"  {sentence}")
    if offered.site(settings.site) is None:
        print(f"it does not name site {settings.site}: reports would be refused. Ask the coordinator; nothing was changed")
        return 1
    if chosen.step == "diff":
        print("Nothing was changed; see study accept.")
        return 0
    if not chosen.yes and input(f"Accept version {offered.version}? Write yes: ").strip().casefold() != "yes":
        print("nothing was changed")
        return 1
    _replace(here.study_file, signed.text, mine.version)
    print(
        f"version {offered.version} is in {here.study_file}; the service takes it up before its next scan. "
        "New tables wait for an approver: see preview."
    )
    return 0


def _people_here(settings: SiteSettings, mine: Study, offered: Study) -> Iterator[str]:
    """Whom the offered version counts here, beside the one in force and the other studies of this hospital."""
    try:
        with Site(settings, SystemClock()) as site:
            (here,) = (one for one in site.studies if one.study.id == mine.id)
            now, then = site.contributions(here), site.by_version(here, offered)
            if now is None or then is None:
                yield "how many patients here it is about is not known: no scan has finished yet"
                return
            members = roster_of(then.tables[POPULATION])
            both = len(now.tables[POPULATION].keys() & then.tables[POPULATION].keys())
            yield (
                f"patients here, exact, not to be passed on: {len(members):,} by version {offered.version}, "
                f"{len(now.tables[POPULATION]):,} by version {mine.version}, {both:,} by both"
            )
            for one in overlaps(members, then.beside):
                yield overlap_words(one, here.settings.policy.parameters.k)
    except (IdentityProblem, DisclosureError) as problem:
        yield f"how many patients here it is about is not known: {problem}"


def _replace(path: Path, text: str, version: int) -> None:
    """The new text in one rename, the old one kept beside it."""
    path.with_name(f"{path.stem}.version-{version}{path.suffix}").write_bytes(path.read_bytes())
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
