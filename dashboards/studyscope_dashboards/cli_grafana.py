"""`studyscope-dashboards grafana`: everything that the centre's Grafana reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_dashboards.page import pages_as_read, write_dashboards
from studyscope_dashboards.provisioning import OpenId, PagesFolder, grafana_ini, write_grafana_provisioning
from studyscope_dashboards.public_organisation import PublicOrganisation, PublicOrganisationProblem
from studyscope_dashboards.study_pages import panel_names, write_study_pages


def grafana_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prometheus", required=True, metavar="URL", help="where Grafana asks for numbers")
    parser.add_argument(
        "--guarded",
        action="store_true",
        help="that is the aggregator's /prometheus: Grafana forwards who asks",
    )
    parser.add_argument(
        "--public", metavar="NAME", help="organisation that people without log-in see; `studyscope-dashboards public` makes it"
    )
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="HOST:PORT", help="a host that is no number: every address")
    parser.add_argument("--root-url", required=True, metavar="URL", help="under which people reach Grafana")
    parser.add_argument("--data", default="/var/lib/grafana", metavar="FOLDER", help="Grafana's own data")
    parser.add_argument("--installed-at", metavar="FOLDER", help="where Grafana will see --out (default: --out itself)")
    parser.add_argument(
        "--admin-password-file",
        metavar="FILE",
        help="first password of Grafana's user admin",
    )
    parser.add_argument("--oidc-client", metavar="ID", help="log-in by an identity provider: our id there")
    for name, text in (("auth", "authorization"), ("token", "token"), ("userinfo", "user info")):
        parser.add_argument(f"--oidc-{name}", default="", metavar="URL", help=f"its {text} endpoint")
    parser.add_argument("--oidc-secret-file", default="", metavar="FILE", help="our secret there; read by Grafana itself")
    parser.add_argument(
        "--study",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a study file; where it chooses `dashboards`, the study gets a folder of its own with these",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for grafana.ini, provisioning/ and dashboards/")
    parser.set_defaults(run=_grafana)


def _grafana(chosen: argparse.Namespace) -> int:
    if chosen.guarded and not chosen.oidc_client:
        print("--guarded needs --oidc-client: without a log-in there is no identity that Grafana could forward", file=sys.stderr)
        return 2
    out: Path = chosen.out
    place = Path(chosen.installed_at) if chosen.installed_at else out.absolute()
    host, _, port = chosen.listen.rpartition(":")
    openid = None
    if chosen.oidc_client:
        endpoints = (chosen.oidc_auth, chosen.oidc_token, chosen.oidc_userinfo)
        openid = OpenId(chosen.oidc_client, chosen.oidc_secret_file, *endpoints)
    write_dashboards(out / "dashboards")
    write_grafana_provisioning(
        out / "provisioning",
        chosen.prometheus,
        str(place / "dashboards"),
        guarded=chosen.guarded,
        of_studies=_of_studies(chosen.study, out, place),
    )
    settings = grafana_ini(
        http_addr=host if host.replace(".", "").isdigit() else "",
        http_port=int(port),
        data_folder=chosen.data,
        provisioning_folder=str(place / "provisioning"),
        root_url=chosen.root_url,
        home_dashboard=str(place / "dashboards" / "consortium.json"),
        openid=openid,
        public_organisation=chosen.public,
        admin_password_file=chosen.admin_password_file,
    )
    (out / "grafana.ini").write_text(settings, encoding="utf-8")
    return 0


def _of_studies(files: Sequence[Path], out: Path, place: Path) -> list[PagesFolder]:
    studies = {study.id: study for study in (read_yaml(path, Study) for path in files)}
    written = write_study_pages(out / "dashboards-of-studies", list(studies.values()))
    return [
        PagesFolder(f"studyscope-{name}"[:40], studies[name].title, str(place / "dashboards-of-studies" / path.name))
        for name, path in written.items()
    ]


def panels_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("page", nargs="?", help="only this one")
    parser.set_defaults(run=_panels)


def _panels(chosen: argparse.Namespace) -> int:
    names = panel_names(pages_as_read())
    if chosen.page is not None and chosen.page not in names:
        print(f"there is no page {chosen.page}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    for page in [chosen.page] if chosen.page else names:
        print(page)
        for name in names[page]:
            print(f"  {name}")
    return 0


def public_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--grafana", required=True, metavar="URL", help="the running Grafana")
    parser.add_argument("--admin-password-file", type=Path, required=True, metavar="FILE", help="password of its user `admin`")
    parser.add_argument("--prometheus", required=True, metavar="URL", help="the aggregator's /prometheus, as Grafana reaches it")
    parser.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="a token of `studyscope-aggregator tokens add public`"
    )
    parser.add_argument("--name", default="Public", help="of the organisation (default %(default)s)")
    parser.set_defaults(run=_public)


def _public(chosen: argparse.Namespace) -> int:
    password, token = (path.read_text(encoding="utf-8").strip() for path in (chosen.admin_password_file, chosen.token_file))
    try:
        with PublicOrganisation(chosen.grafana, password) as grafana:
            number = grafana.make(chosen.name, chosen.prometheus, token.splitlines()[0])
    except PublicOrganisationProblem as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"organisation {chosen.name} (number {number}) shows totals to whoever has not logged in")
    print(f"write grafana.ini with --public {chosen.name}, and start Grafana anew")
    return 0
