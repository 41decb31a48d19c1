"""The words of the mails, as Alertmanager templates (Go text/template): for people who are no engineers."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

TEMPLATE_FILE = "studyscope.tmpl"
ADDRESSES_FILE = "addresses.tmpl"


def mail_templates() -> str:
    """Subject, text and HTML part of every mail."""
    return files("studyscope_dashboards").joinpath("mail.tmpl").read_text(encoding="utf-8")


def mail_addresses(grafana_url: str, runbooks_url: str) -> str:
    """Where the links of the mails lead; apart from the words, so that these are the same everywhere.

    `runbooks_url` is the folder that serves runbooks.html (command `runbooks`).
    """
    for address in (grafana_url, runbooks_url):
        if '"' in address or "{{" in address:
            raise ValueError(f"not an address: {address}")
    return (
        f'{{{{ define "studyscope.grafana" }}}}{grafana_url.rstrip("/")}{{{{ end }}}}\n'
        f'{{{{ define "studyscope.runbooks" }}}}{runbooks_url.rstrip("/")}/{{{{ end }}}}\n'
    )


def write_mail_templates(folder: Path, grafana_url: str, runbooks_url: str) -> tuple[Path, Path]:
    """Writes both template files into `folder`; their paths go to `alertmanager_config(template_files=...)`."""
    folder.mkdir(parents=True, exist_ok=True)
    words, addresses = folder / TEMPLATE_FILE, folder / ADDRESSES_FILE
    words.write_text(mail_templates(), encoding="utf-8")
    addresses.write_text(mail_addresses(grafana_url, runbooks_url), encoding="utf-8")
    return words, addresses
