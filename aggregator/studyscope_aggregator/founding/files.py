"""The files of a new centre. What the aggregator itself reads is read back before anything is written."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import sys
from importlib import resources
from pathlib import Path
from string import Template
from types import MappingProxyType

from studyscope_aggregator.founding.plan import Plan
from studyscope_aggregator.registered_sites import SitesFile
from studyscope_aggregator.registry import SITES_FILE, STUDIES_FOLDER
from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.report import MAX_BYTES
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import parse_yaml

KEPT = "5y"
NO_PAGES = "    location = / { return 302 /grafana/; }\n"
ALERTS_KEPT = "360h"  # more than twice the weekly repeat, else a repeat is taken for a new alert
SECRETS = MappingProxyType(
    {
        "tls_certificate": "nginx/tls.crt",
        "tls_key": "nginx/tls.key",
        "smtp_password": "alertmanager/smtp-password",
        "grafana_password": "grafana/admin-password",
        "oidc_secret": "grafana/oidc-secret",
        "page_oidc_secret": "keys/page-oidc-secret",
    }
)
"""Where each lies below the centre's folder; in containers it is /run/secrets/NAME."""

SITES_AUTHORITY = "nginx/sites-ca.crt"
"""Certificates of the authority whose certificates sites have to show, where the centre asks for them."""

_NO_CERTIFICATE = json.dumps(
    {
        "reason": "no_certificate",
        "message": "this centre wants a TLS certificate of the site: ask the coordinator for one, and name it as "
        "client_certificate below centre",
        "temporary": False,
    }
)
WITHOUT_CERTIFICATE = f"""\
        default_type application/json;
        if ($ssl_client_verify != SUCCESS) {{ return 403 '{_NO_CERTIFICATE}'; }}
"""


def founding_files(plan: Plan, folder: Path, today: dt.date) -> dict[str, str]:
    """Every file by its path below `folder`; raises FileProblem when one could not be read back."""
    study = f"registry/{STUDIES_FOLDER}/{plan.study}.yaml"
    files = {
        "centre.yaml": _centre(plan, folder),
        study: _study(plan, today),
        f"registry/{SITES_FILE}": _filled(
            "sites.yaml.in", first=plan.sites[0].id, today=today, next_year=today + dt.timedelta(days=365)
        ),
        "nginx/studyscope.conf": _nginx(plan, folder),
        "configure": _configure(plan, folder),
        "prometheus/arguments": "\n".join(_prometheus(plan, folder)) + "\n",
        "alertmanager/arguments": "\n".join(_alertmanager(plan, folder)) + "\n",
    }
    parse_yaml(files["centre.yaml"].encode(), folder / "centre.yaml", CentreSettings)
    parse_yaml(files[study].encode(), folder / study, Study)
    parse_yaml(files[f"registry/{SITES_FILE}"].encode(), folder / "registry" / SITES_FILE, SitesFile)
    return files


def _filled(template: str, **values: object) -> str:
    return Template((resources.files(__package__) / template).read_text(encoding="utf-8")).substitute(values)


def _quoted(text: str) -> str:
    """A YAML scalar: every JSON string is one."""
    return json.dumps(text, ensure_ascii=False)


def _centre(plan: Plan, folder: Path) -> str:
    port = plan.addresses["aggregator"].rpartition(":")[2]
    listen = "127.0.0.1" if plan.layout == "machine" else "0.0.0.0"  # noqa: S104 - inside a container, whose network is the border
    return _filled(
        "centre.yaml.in",
        listen_host=listen,
        listen_port=port,
        url=_quoted(plan.url),
        prometheus=plan.addresses["prometheus"],
        openid=_people(plan, folder),
    )


def _people(plan: Plan, folder: Path) -> str:
    """Who may log in; without an identity provider only tokens of machines are known."""
    if plan.openid is None:
        return "  # openid: {issuer: https://id.example/realms/research, audience: studyscope}\n"
    rows = {"issuer": plan.openid.issuer, "audience": plan.openid.client}
    rows["client_secret_file"] = (
        _secret(plan, folder, "page_oidc_secret") if plan.layout == "compose" else SECRETS["page_oidc_secret"]
    )
    return "  openid:\n" + "".join(f"    {name}: {_quoted(value)}\n" for name, value in rows.items())


def _study(plan: Plan, today: dt.date) -> str:
    rows = []
    for site in plan.sites:
        rows += [
            f"  - id: {_quoted(site.id)}",
            f"    name: {_quoted(site.name)}",
            f"    city: {_quoted(site.city)}",
            f"    latitude: {site.latitude}",
            f"    longitude: {site.longitude}",
            f"    member_from: {today}",
            f"    # targets: [{{patients: 100, by: {today + dt.timedelta(days=365)}, valid_from: {today}}}]",
        ]
    return _filled(
        "study.yaml.in",
        id=_quoted(plan.study),
        title=_quoted(plan.title),
        lead_name=_quoted(plan.lead_name),
        lead_mail=_quoted(plan.lead_mail),
        sites="\n".join(rows),
    )


def _nginx(plan: Plan, folder: Path) -> str:
    return _filled(
        "nginx.conf.in",
        host=plan.host,
        port=plan.https_port,
        folder=_place(plan, folder),
        certificate=_secret(plan, folder, "tls_certificate"),
        key=_secret(plan, folder, "tls_key"),
        aggregator=plan.addresses["aggregator"],
        pages=_filled("nginx.pages.in", aggregator=plan.addresses["aggregator"]) if plan.openid else NO_PAGES,
        grafana=plan.addresses["grafana"],
        sites=_asked_of_sites(plan, folder),
        without_certificate=WITHOUT_CERTIFICATE if plan.asks_sites else "",
        report_bytes=MAX_BYTES,
        body_bytes=2 * MAX_BYTES,
    )


def _asked_of_sites(plan: Plan, folder: Path) -> str:
    if not plan.asks_sites:
        return ""
    return (
        "    # Sites show a certificate of the authority in this file; people do not need one.\n"
        f"    ssl_client_certificate {_place(plan, folder)}/{SITES_AUTHORITY};\n"
        "    ssl_verify_client optional;\n"
    )


def _place(plan: Plan, folder: Path) -> str:
    """The centre's folder as the programs see it."""
    return str(folder) if plan.layout == "machine" else "/etc/studyscope"


def _secret(plan: Plan, folder: Path, name: str) -> str:
    return f"{folder}/{SECRETS[name]}" if plan.layout == "machine" else f"/run/secrets/{name}"


def _configure(plan: Plan, folder: Path) -> str:
    place, smtp, openid = _place(plan, folder), plan.smtp, plan.openid
    login = ["--smtp-user", smtp.user, "--smtp-password-file", _secret(plan, folder, "smtp_password")] if smtp.user else []
    source, provider = f"http://{plan.addresses['prometheus']}", []
    if openid:
        source = f"http://{plan.addresses['aggregator']}/prometheus"
        provider = ["--guarded", "--oidc-client", openid.client, "--oidc-secret-file", _secret(plan, folder, "oidc_secret")]
        provider += ["--oidc-auth", openid.authorization, "--oidc-token", openid.token, "--oidc-userinfo", openid.userinfo]
    return _filled(
        "configure.in",
        dashboards=shlex.join(_dashboards(plan)),
        coordinators=shlex.join(word for mail in plan.coordinators for word in ("--coordinator", mail)),
        smtp=shlex.quote(smtp.server),
        sender=shlex.quote(smtp.sender),
        smtp_login="".join(f" {shlex.quote(word)}" for word in login),
        url=shlex.quote(plan.url),
        grafana_data="/var/lib/grafana",
        grafana_files=shlex.quote(f"{place}/grafana"),
        grafana_password=shlex.quote(_secret(plan, folder, "grafana_password")),
        source=shlex.quote(source),
        openid="".join(f" {shlex.quote(word)}" for word in provider),
        **plan.addresses,
    )


def _dashboards(plan: Plan) -> list[str]:
    return [sys.executable, "-m", "studyscope_dashboards.cli"] if plan.layout == "machine" else ["studyscope-dashboards"]


def _prometheus(plan: Plan, folder: Path) -> list[str]:
    state = f"{folder}/state/prometheus" if plan.layout == "machine" else "/prometheus"
    listen = plan.addresses["prometheus"] if plan.layout == "machine" else "0.0.0.0:9090"
    return [
        f"--config.file={_place(plan, folder)}/prometheus/prometheus.yml",
        f"--storage.tsdb.path={state}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address={listen}",
        "--web.enable-remote-write-receiver",
    ]


def _alertmanager(plan: Plan, folder: Path) -> list[str]:
    state = f"{folder}/state/alertmanager" if plan.layout == "machine" else "/alertmanager"
    listen = plan.addresses["alertmanager"] if plan.layout == "machine" else "0.0.0.0:9093"
    return [
        f"--config.file={_place(plan, folder)}/alertmanager/alertmanager.yml",
        f"--storage.path={state}",
        f"--data.retention={ALERTS_KEPT}",
        f"--web.listen-address={listen}",
        "--cluster.listen-address=",
    ]
