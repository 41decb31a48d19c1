"""The files that are generated from this package and committed, and whether they still say the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from studyscope_dashboards.mail_templates import TEMPLATE_FILE, mail_templates
from studyscope_dashboards.page import write_dashboards
from studyscope_dashboards.prometheus import prometheus_config
from studyscope_dashboards.provisioning import grafana_ini, write_grafana_provisioning
from studyscope_dashboards.rules import RULES_FILE, write_rules

FOLDERS = ("grafana", "prometheus", "alertmanager")


def generate(out: Path) -> None:
    """Writes grafana/, prometheus/ and alertmanager/ below `out`, with the addresses of the container deployment."""
    write_dashboards(out / "grafana" / "dashboards")
    write_grafana_provisioning(
        out / "grafana" / "provisioning", "http://prometheus:9090", "/etc/grafana/provisioning/dashboards/json"
    )
    ini = grafana_ini(http_addr="", data_folder="/var/lib/grafana", provisioning_folder="/etc/grafana/provisioning")
    (out / "grafana" / "grafana.ini").write_text(ini, encoding="utf-8")
    write_rules(out / "prometheus")
    config = prometheus_config("aggregator:8700", alertmanager="alertmanager:9093", rule_files=[RULES_FILE])
    (out / "prometheus" / "prometheus.yml").write_text(config, encoding="utf-8")
    (out / "alertmanager").mkdir(parents=True, exist_ok=True)
    (out / "alertmanager" / TEMPLATE_FILE).write_text(mail_templates(), encoding="utf-8")


def differences(out: Path) -> list[str]:
    """Files below `out` that are missing, superfluous or different from what would be generated now."""
    with tempfile.TemporaryDirectory() as fresh:
        generate(Path(fresh))
        wanted, found = _contents(Path(fresh)), _contents(out)
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def _contents(root: Path) -> dict[str, bytes]:
    files = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
