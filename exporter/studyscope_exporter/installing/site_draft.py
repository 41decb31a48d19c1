"""A site file as `init` writes it: what was answered, and for everything else a comment that says what could stand there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

DEFAULT_LINK = "{PatientID}_{*}"
"""How label maps are usually named; without a link they enter no patient table."""


EXAMPLE_BASIS = "Protocol 4.2, section 7.3, approved by the ethics committee of … on …"
EXAMPLE_KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True)
class Draft:
    """The answers. Paths are as they were given: the site file's folder is where relative ones begin."""

    site: str
    study_file: str
    centre: str
    approvers: Mapping[str, str]  # name -> public key
    state: str = "state"
    keys: str = "keys"
    dicom: tuple[str, ...] = ()
    dicomweb: tuple[str, ...] = ()
    label_maps: tuple[str, ...] = ()
    link: str = DEFAULT_LINK
    job_logs: tuple[str, ...] = ()
    airflow: tuple[str, ...] = ()
    issuer: str = ""
    preset: str = "tens"
    reported: tuple[str, ...] = ()  # progress tables that the protocol obliges to report exactly
    legal_basis: str = ""
    ca_file: str = ""
    proxy: str = ""
    centre_keys: tuple[str, ...] = ()
    metrics_port: int | None = None

    def text(self) -> str:
        """The site file with its comments."""
        template = Template((resources.files(__package__) / "site.yaml.in").read_text(encoding="utf-8"))
        return template.substitute(
            site=_quoted(self.site),
            state=_quoted(self.state),
            keys=_quoted(self.keys),
            issuer=_line("default_issuer", self.issuer, "HOSPITAL-BERLIN"),
            metrics="" if self.metrics_port else "# ",
            metrics_port=self.metrics_port or 9411,
            sources="\n".join(self._sources()),
            study_file=_quoted(self.study_file),
            centre=_quoted(self.centre),
            ca_file=_line("ca_file", self.ca_file, "/etc/ssl/hospital-ca.pem"),
            centre_keys=_list("keys", self.centre_keys, EXAMPLE_KEY),
            proxy=_line("proxy", self.proxy, "http://proxy.hospital.example:3128"),
            preset=_quoted(self.preset),
            disclosure="\n".join(self._disclosure()),
            approvers="\n".join(
                f"      - {{name: {_quoted(name)}, key: {_quoted(key)}}}" for name, key in self.approvers.items()
            ),
        )

    def _disclosure(self) -> list[str]:
        if not self.reported:
            return [
                "      # disclosure:",
                "      #   reported: [stage, reached]",
                f"      #   legal_basis: {_quoted(EXAMPLE_BASIS)}",
            ]
        tables = ", ".join(self.reported)
        return ["      disclosure:", f"        reported: [{tables}]", f"        legal_basis: {_quoted(self.legal_basis)}"]

    def _sources(self) -> list[str]:
        link = f"link: {{by: pattern, pattern: {_quoted(self.link)}}}"
        rows = [
            *_rows("archive", "folder", self.dicom),
            *_rows("pacs", "dicomweb", self.dicomweb, at="url"),
            *_rows("results", "nifti", self.label_maps, link),
            *_rows("jobs", "jobs", self.job_logs),
            *_rows("airflow", "airflow", self.airflow, at="url"),
        ]
        return ["sources:", *rows] if rows else ["sources: []   # none yet: add at least one of the above"]


def _rows(name: str, kind: str, places: Iterable[str], *more: str, at: str = "path") -> list[str]:
    """One line per source, each at one of `places`; the second of a kind is called `NAME-2`."""
    rows = []
    for number, place in enumerate(places, start=1):
        called = name if number == 1 else f"{name}-{number}"
        rows.append(f"  - {{{', '.join((f'name: {called}', f'kind: {kind}', f'{at}: {_quoted(place)}', *more))}}}")
    return rows


def _line(key: str, value: str | int | None, example: str | int) -> str:
    """`key: value`, or the same as a comment with an example where nothing was answered."""
    return f"{key}: {_quoted(value)}" if value else f"# {key}: {_quoted(example)}"


def _list(key: str, values: tuple[str, ...], example: str) -> str:
    written = ", ".join(_quoted(value) for value in values or (example,))
    return f"{key}: [{written}]" if values else f"# {key}: [{written}]"


def _quoted(value: str | int) -> str:
    """A YAML scalar: every JSON string is one."""
    return json.dumps(value, ensure_ascii=False)


def relative(path: Path, folder: Path) -> str:
    """`path` as a site file in `folder` best names it."""
    absolute = path.expanduser().absolute()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)
