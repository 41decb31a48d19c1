"""`studyscope-dashboards grafana`: everything that the centre's Grafana reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from studyscope_dashboards.page import write_dashboards
from studyscope_dashboards.provisioning import OpenId, grafana_ini, write_grafana_provisioning


def grafana_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prometheus", required=True, metavar="URL", help="where Grafana asks for numbers")
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="HOST:PORT", help="a host that is no number: every address")
    parser.add_argument("--root-url", required=True, metavar="URL", help="under which people reach Grafana")
    parser.add_argument("--data", default="/var/lib/grafana", metavar="FOLDER", help="Grafana's own data")
    parser.add_argument("--installed-at", metavar="FOLDER", help="where Grafana will see --out (default: --out itself)")
    parser.add_argument("--oidc-client", metavar="ID", help="log-in by an identity provider: our id there")
    for name, text in (("auth", "authorization"), ("token", "token"), ("userinfo", "user info")):
        parser.add_argument(f"--oidc-{name}", default="", metavar="URL", help=f"its {text} endpoint")
    parser.add_argument("--oidc-secret-file", default="", metavar="FILE", help="our secret there; read by Grafana itself")
    parser.add_argument("--out", type=Path, required=True, help="folder for grafana.ini, provisioning/ and dashboards/")
    parser.set_defaults(run=_grafana)


def _grafana(chosen: argparse.Namespace) -> int:
    out: Path = chosen.out
    place = Path(chosen.installed_at) if chosen.installed_at else out.absolute()
    host, _, port = chosen.listen.rpartition(":")
    openid = None
    if chosen.oidc_client:
        endpoints = (chosen.oidc_auth, chosen.oidc_token, chosen.oidc_userinfo)
        openid = OpenId(chosen.oidc_client, chosen.oidc_secret_file, *endpoints)
    write_dashboards(out / "dashboards")
    write_grafana_provisioning(out / "provisioning", chosen.prometheus, str(place / "dashboards"))
    settings = grafana_ini(
        http_addr=host if host.replace(".", "").isdigit() else "",
        http_port=int(port),
        data_folder=chosen.data,
        provisioning_folder=str(place / "provisioning"),
        root_url=chosen.root_url,
        home_dashboard=str(place / "dashboards" / "consortium.json"),
        openid=openid,
    )
    (out / "grafana.ini").write_text(settings, encoding="utf-8")
    return 0
