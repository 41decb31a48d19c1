"""write a commented site file, make folders and keys, and say what comes next

Asks for what no flag answers when it runs on a terminal; elsewhere a missing answer is an error.
A file that is there is never overwritten, and nothing is written that the exporter could not read.

MissingAnswer        nobody answered, and nobody can be asked
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from urllib.parse import urlsplit

from studyscope_contract.keys import KeyProblem, SigningKey, VerifyingKey
from studyscope_contract.policy import PRESETS
from studyscope_contract.study import Study
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.installing.questions import Questions
from studyscope_exporter.installing.site_draft import DEFAULT_LINK, Draft, relative
from studyscope_exporter.settings import SiteSettings, parse_site_file, read_study_file

APPROVER_KEY = "approver.pem"
LEAST_BASIS = 20


class MissingAnswer(Exception):
    """An answer that no flag gave and nobody can be asked for; the message names the flag."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study-file", type=Path, metavar="FILE", help="the study file that the coordinator sent")
    parser.add_argument("--site", metavar="ID", help="the id that the study file gives this hospital")
    parser.add_argument("--centre", metavar="URL", help="where reports go, https://…")
    parser.add_argument("--dicom", action="append", default=[], metavar="PATH", help="a folder of DICOM files; repeatable")
    parser.add_argument("--dicomweb", action="append", default=[], metavar="URL", help="an archive that is asked; repeatable")
    parser.add_argument(
        "--label-maps", action="append", default=[], metavar="PATH", help="a folder of NIfTI label maps; repeatable"
    )
    parser.add_argument("--link", default=DEFAULT_LINK, metavar="PATTERN", help=f"whose a label map is (default {DEFAULT_LINK})")
    parser.add_argument("--job-log", action="append", default=[], metavar="PATH", help="a log of jobs, JSON lines; repeatable")
    parser.add_argument("--airflow", action="append", default=[], metavar="URL", help="an Airflow whose runs count; repeatable")
    parser.add_argument(
        "--approver", action="append", default=[], metavar="NAME=KEY", help="who signs what may leave; repeatable"
    )
    parser.add_argument("--issuer", default="", metavar="TEXT", help="Issuer of Patient ID where DICOM names none")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tens", help="how numbers are protected (default tens)")
    parser.add_argument(
        "--report-exactly",
        metavar="BASIS",
        help="the protocol obliges to exact numbers of patients by stage: where that is written, and who approved it",
    )
    parser.add_argument("--state", default="state", metavar="PATH", help="the exporter's memory, on a local disk (default state)")
    parser.add_argument("--keys", default="keys", metavar="PATH", help="folder of the site's keys (default keys)")
    parser.add_argument("--centre-key", action="append", default=[], metavar="KEY", help="the centre's public key; repeatable")
    parser.add_argument("--ca-file", default="", metavar="FILE", help="PEM of the hospital's own certificate authority")
    parser.add_argument("--proxy", default="", metavar="URL", help="the proxy that leads to the centre")
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="gauges for your own Prometheus, on 127.0.0.1")


def execute(chosen: argparse.Namespace) -> int:
    path: Path = chosen.config.absolute()
    if _is_there(path):
        print(f"{path} is there already and stays as it is; move it away, or name a new file with --config", file=sys.stderr)
        return 1
    try:
        draft = _draft(chosen, path, Questions(input) if sys.stdin.isatty() else None)
    except MissingAnswer as problem:
        print(problem, file=sys.stderr)
        return 2
    raw = draft.text().encode()
    settings = parse_site_file(raw, path)
    try:
        public = _written(raw, path, settings)
    except OSError as error:
        print(f"{error.filename}: cannot be written ({error.strerror}): run init as the user that owns it", file=sys.stderr)
        return 2
    print(_next_steps(path, settings, public))
    return 0


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False  # writing will say so


def _written(raw: bytes, path: Path, settings: SiteSettings) -> VerifyingKey:
    """Makes folders and keys, and last the site file; the public key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = SiteIdentity.create(settings.keys).signing_key.public
    with path.open("xb") as file:
        file.write(raw)
    path.chmod(0o640)
    return public


def _draft(chosen: argparse.Namespace, path: Path, questions: Questions | None) -> Draft:
    study_file = chosen.study_file or _asked(questions, "study-file").file("Study file that the coordinator sent")
    study = read_study_file(study_file)
    site = _site(chosen.site, study, study_file, questions)
    nothing_read = not (chosen.dicom or chosen.dicomweb or chosen.label_maps or chosen.job_log or chosen.airflow)
    dicom, label_maps, job_logs = (tuple(paths) for paths in (chosen.dicom, chosen.label_maps, chosen.job_log))
    if nothing_read and questions:
        dicom = _one(questions.folder("Folder with DICOM files"))
        label_maps = _one(questions.folder("Folder with label maps (NIfTI)"))
        job_logs = _one(questions.optional("Log of inference jobs (JSON lines)"))
    centre = chosen.centre or _asked(questions, "centre").centre("Address of the centre (https://…)")
    approvers = _approvers(chosen.approver, path, questions)
    issuer = chosen.issuer or (questions.optional("Issuer of Patient ID where DICOM names none") if questions else "")
    basis = _legal_basis(chosen, questions)
    return Draft(
        site=site,
        study_file=relative(study_file, path.parent),
        centre=centre,
        approvers=approvers,
        state=chosen.state,
        keys=chosen.keys,
        dicom=dicom,
        dicomweb=tuple(chosen.dicomweb),
        label_maps=label_maps,
        link=chosen.link,
        job_logs=job_logs,
        airflow=tuple(chosen.airflow),
        issuer=issuer,
        preset=_preset(chosen.preset, exact=bool(basis)),
        reported=("stage", "reached") if basis else (),
        legal_basis=basis,
        ca_file=chosen.ca_file,
        proxy=chosen.proxy,
        centre_keys=tuple(chosen.centre_key),
        metrics_port=chosen.metrics_port,
    )


def _legal_basis(chosen: argparse.Namespace, questions: Questions | None) -> str:
    """Where the study's protocol obliges to exact numbers; '' where it does not."""
    if chosen.report_exactly is not None:
        given: str = chosen.report_exactly.strip()
        if len(given) < LEAST_BASIS:
            raise MissingAnswer(
                f"--report-exactly: name the protocol, its section and who approved it ({LEAST_BASIS} letters or more)"
            )
        return given
    return questions.legal_basis(LEAST_BASIS) if questions else ""


def _preset(asked: str, *, exact: bool) -> str:
    """Beside exact numbers the default is not strong enough; anything else that is not is refused by the policy itself."""
    return "tens-open" if exact and asked == "tens" else asked


def _asked(questions: Questions | None, flag: str) -> Questions:
    """Whom to ask; raises MissingAnswer where nobody sits at a terminal."""
    if questions is None:
        raise MissingAnswer(f"give --{flag}, or run init on a terminal to be asked; nothing was written")
    return questions


def _site(given: str | None, study: Study, study_file: Path, questions: Questions | None) -> str:
    if given is None:
        return _asked(questions, "site").site_of(study)
    if study.site(given) is None:
        known = ", ".join(site.id for site in study.sites)
        raise MissingAnswer(f"{study_file} names no site {given!r}; it names: {known}. Else ask its coordinator to add you")
    return given


def _approvers(given: list[str], path: Path, questions: Questions | None) -> dict[str, str]:
    if given:
        return dict(_named_key(one) for one in given)
    asked = _asked(questions, "approver")
    name = asked.text("Who signs what may leave (a name or an office)", "Data protection")
    key = asked.approver_key(f"Public key of {name}, ed25519:…; without one a key is made now")
    return {name: key or _new_approver(path.parent / APPROVER_KEY)}


def _named_key(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    try:
        return name.strip(), VerifyingKey.parse(key).text
    except KeyProblem as problem:
        raise KeyProblem(f"--approver {text!r}: {problem}. Make one with: studyscope-exporter keygen --approver FILE") from None


def _new_approver(file: Path) -> str:
    """Makes the key of an approver behind a passphrase, both entered here; the text of its public part."""
    if file.exists():
        raise KeyProblem(f"{file} is there already: give its public key with --approver, or move it away")
    while True:
        passphrase = getpass.getpass("The approver types a new passphrase: ")
        if passphrase and passphrase == getpass.getpass("Again: "):
            break
        print("The two differ, or are empty.")
    key = SigningKey.generate()
    file.parent.mkdir(parents=True, exist_ok=True)
    key.save(file, passphrase)
    print(f"The approver's key is in {file}: give it to them, it is used for `approve` only and need not stay on this machine.")
    return key.public.text


def _one(path: str) -> tuple[str, ...]:
    return (path,) if path else ()


def _next_steps(path: Path, settings: SiteSettings, public: VerifyingKey) -> str:
    centre = urlsplit(settings.studies[0].centre.url)
    port = centre.port or (443 if centre.scheme == "https" else 80)
    call = f"studyscope-exporter --config {path}"
    study, more = settings.studies[0], ""
    name = read_study_file(study.study_file).id
    if study.policy.reported and len(study.approvers) < 2:
        more = f"\nExact numbers leave only with two signatures: `{call} approver add` names the second person."
    return f"""\
{path} is written; keys are in {settings.keys}, the state will be in {settings.state}.

Next:
  1. {call} enrol {name}   asks the centre to accept this key. Then call the coordinator and compare:
       fingerprint: {public.fingerprint}
       key:         {public.text}
  2. For the firewall form: outbound TCP from this machine to {centre.hostname}, port {port}; nothing inbound.
  3. {call} check      what is still to do, and whom to ask
  4. {call} scan       reads everything once
  5. {call} count      exact numbers, to hold against your own; they stay in the house
  6. {call} preview    what would leave; then an approver: approve --key FILE
  7. {call} run        as a service, or `once` from a timer
Back up {settings.keys} now, apart from {settings.state}: nothing else can read that state.{more}"""
