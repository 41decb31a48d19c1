"""`studyscope-aggregator init`: writes a new centre and says what comes next."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import httpx

from studyscope_aggregator.founding.files import SECRETS, SITES_AUTHORITY, founding_files
from studyscope_aggregator.founding.plan import ADDRESSES, FirstSite, OpenId, Plan, PlanProblem, Smtp
from studyscope_contract.keys import SigningKey
from studyscope_contract.mail_link import LinkSecret

_OF_COMPOSE = MappingProxyType({"grafana_password": "grafana-password"})
"""File names in `secrets/` that say whose they are, where the folder does not."""

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


MAIL_ADDRESS = re.compile(r"[^@\s<>\",;]+@[^@\s<>\",;]+")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", required=True, metavar="NAME", help="under which sites and people reach the centre")
    parser.add_argument("--study", required=True, metavar="ID", help="id of the first study: lower case, digits, hyphens")
    parser.add_argument("--title", required=True, help="its title")
    parser.add_argument("--lead", required=True, metavar="NAME=MAIL", help="who decides about the study")
    parser.add_argument("--coordinator", action="append", required=True, metavar="MAIL", help="who gets every mail; repeatable")
    parser.add_argument(
        "--site", action="append", required=True, metavar="ID=NAME,CITY,LAT,LON", help="a hospital of the study; repeatable"
    )
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT", help="mail server for alerts")
    parser.add_argument("--sender", required=True, metavar="MAIL", help="who the mails come from")
    parser.add_argument("--smtp-user", metavar="NAME", help="log-in there; its password goes into a file")
    parser.add_argument(
        "--oidc-issuer", metavar="URL", help="log-in to Grafana by this identity provider (its address is read now)"
    )
    parser.add_argument("--oidc-client", default="studyscope", metavar="ID", help="our id there (default studyscope)")
    parser.add_argument("--layout", choices=sorted(ADDRESSES), default="machine", help="all on one machine, or for compose")
    parser.add_argument(
        "--https-port", type=int, default=443, metavar="PORT", help="where the reverse proxy listens (default 443)"
    )
    parser.add_argument(
        "--site-certificates",
        action="store_true",
        help="sites must show a TLS certificate of your own authority",
    )


def found(chosen: argparse.Namespace, today: dt.date) -> int:
    """Raises FileProblem; 0 when everything is written, 1 when something is there already, 2 for a wrong answer."""
    folder: Path = chosen.config.absolute().parent
    try:
        plan = _plan(chosen)
    except PlanProblem as problem:
        print(problem, file=sys.stderr)
        return 2
    files = founding_files(plan, folder, today)
    try:
        there = [name for name in files if (folder / name).exists()]
        if there:
            print(f"{folder}: {', '.join(there)} is there already; nothing was written", file=sys.stderr)
            return 1
        _write(files, folder)
    except OSError as error:
        print(f"{error.filename}: cannot be written ({error.strerror}): run init as the user that owns {folder}", file=sys.stderr)
        return 2
    done = subprocess.run([str(folder / "configure")], check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        print(f"then run {folder}/configure (it needs: pip install 'studyscope[dashboards]')", file=sys.stderr)
    print(_next_steps(plan, folder))
    return 0 if done.returncode == 0 else 1


def _plan(chosen: argparse.Namespace) -> Plan:
    lead, _, mail = chosen.lead.partition("=")
    if not mail:
        raise PlanProblem(f"--lead {chosen.lead!r}: write NAME=MAIL")
    if not HOST_NAME.fullmatch(chosen.host):
        raise PlanProblem(f"--host {chosen.host!r}: write a name without https:// and without a path, as centre.example.org")
    if not re.fullmatch(r"[^\s:]+:\d+", chosen.smtp) or not _is_port(chosen.smtp.rpartition(":")[2]):
        raise PlanProblem(f"--smtp {chosen.smtp!r}: write HOST:PORT, as mail.example.org:587")
    if not _is_port(str(chosen.https_port)):
        raise PlanProblem(f"--https-port {chosen.https_port}: a port is 1 to 65535")
    for flag, address in (("lead", mail), ("sender", chosen.sender), *(("coordinator", each) for each in chosen.coordinator)):
        if not MAIL_ADDRESS.fullmatch(address.strip()):
            raise PlanProblem(f"--{flag} {address!r}: write a mail address, as office@centre.example.org")
    return Plan(
        host=chosen.host,
        study=chosen.study,
        title=chosen.title,
        lead_name=lead.strip(),
        lead_mail=mail.strip(),
        coordinators=chosen.coordinator,
        sites=[FirstSite.parse(site) for site in chosen.site],
        smtp=Smtp(chosen.smtp, chosen.sender, chosen.smtp_user),
        openid=_discovered(chosen.oidc_issuer, chosen.oidc_client) if chosen.oidc_issuer else None,
        layout=chosen.layout,
        https_port=chosen.https_port,
        asks_sites=chosen.site_certificates,
    )


def _is_port(text: str) -> bool:
    return 0 < int(text) < 65536


def _discovered(issuer: str, client: str) -> OpenId:
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        document = httpx.get(address, timeout=20).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise PlanProblem(f"--oidc-issuer: {address} gives no discovery document: {error}") from None
    return OpenId.discovered(client, document if isinstance(document, dict) else {})


def _write(files: dict[str, str], folder: Path) -> None:
    for name in ("state", "nginx", "docs", "grafana", "prometheus", "alertmanager"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    (folder / "configure").chmod(0o755)
    key = folder / "keys" / "centre.pem"
    if not key.exists():
        key.parent.mkdir(mode=0o700, exist_ok=True)
        SigningKey.generate().save(key)
    secret = folder / "keys" / "mail-links"
    if not secret.exists():
        LinkSecret.generate().save(secret)


def _next_steps(plan: Plan, folder: Path) -> str:
    check = f"studyscope-aggregator --config {folder}/centre.yaml"
    start = f"""\
     Prometheus with @{folder}/prometheus/arguments, Alertmanager with @{folder}/alertmanager/arguments,
     Grafana with --config={folder}/grafana/grafana.ini, nginx with nginx/studyscope.conf, and
     {check} serve"""
    if plan.layout == "compose":
        people = " -f deploy/compose/people.yaml" if plan.openid else ""
        start = f"     docker compose -f deploy/compose/centre.yaml{people} up -d"
    return f"""\
The centre is in {folder}.

Next:
  1. Put there, readable by the programs only:
{_secrets(plan, folder)}
  2. Complete registry/studies/{plan.study}.yaml: cohort, structures, targets. Then ./configure.
  3. {check} check
  4. Start it:
{start}
  5. Send the sites registry/studies/{plan.study}.yaml, this address and the centre's key:
       centre:     {plan.url}
       centre key: {SigningKey.load(folder / "keys" / "centre.pem").public.text}
  6. Each site asks by `enrol`; you accept its key with `studyscope-aggregator sites` once it read you the fingerprint.
{_people(plan)}""".rstrip()


def _people(plan: Plan) -> str:
    """What the identity provider has to be told."""
    if plan.openid is None:
        return ""
    return f"""\
  7. At the identity provider, for the client {plan.openid.client}: identity tokens that name people's groups, and the addresses
       {plan.url}/login/back
       {plan.url}/grafana/login/generic_oauth
     People see what their groups say, as studyscope-coordinator, studyscope-lead-{plan.study}, studyscope-site-SITE."""


def _secrets(plan: Plan, folder: Path) -> str:
    words = {"tls_certificate": f"the certificate of {plan.host}", "tls_key": "its key"}
    words |= {"grafana_password": "a password for Grafana's user admin: openssl rand -base64 24"}
    words |= {"smtp_password": "the mail server's password"} if plan.smtp.user else {}
    if plan.openid:
        words |= {"oidc_secret": "our secret at the identity provider", "page_oidc_secret": "the same, for the centre's own page"}
    compose = plan.layout == "compose"
    places = {
        name: f"secrets/{_OF_COMPOSE.get(name, Path(SECRETS[name]).name)}" if compose else f"{folder}/{SECRETS[name]}"
        for name in words
    }
    if plan.asks_sites:
        words["sites_authority"] = "the authority (PEM) whose certificates sites show"
        places["sites_authority"] = f"{folder}/{SITES_AUTHORITY}" + (" (to be mounted in nginx)" if compose else "")
    return "\n".join(f"       {places[name]}  {text}" for name, text in words.items())
