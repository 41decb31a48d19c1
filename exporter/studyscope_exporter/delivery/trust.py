"""Whom a site trusts on the line to a centre, and with what it shows itself there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from studyscope_contract.yaml_file import FileProblem, Problem

ENDINGS = frozenset({".pem", ".crt"})


@dataclass(frozen=True)
class Trust:
    """Files of the hospital: its own authorities beside the public ones, and the certificate of this site, if any."""

    ca_file: Path | None = None
    ca_folder: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None

    def authorities(self) -> list[Path]:
        """Every file with authorities of the hospital; raises FileProblem for a folder without one."""
        files = [] if self.ca_file is None else [self.ca_file]
        if self.ca_folder is None:
            return files
        try:
            found = sorted(path for path in self.ca_folder.iterdir() if path.suffix.lower() in ENDINGS)
        except OSError as error:
            raise FileProblem(self.ca_folder, [Problem(0, "ca_folder", f"cannot be read: {error.strerror}")]) from None
        if not found:
            raise FileProblem(self.ca_folder, [Problem(0, "ca_folder", "holds no file *.pem or *.crt")])
        return files + found

    def context(self) -> ssl.SSLContext:
        """What verifies the centre's certificate; raises FileProblem for a file that cannot be used."""
        context = httpx.create_ssl_context()
        for path in self.authorities():
            try:
                context.load_verify_locations(cafile=str(path))
            except OSError as error:  # ssl.SSLError is one
                raise _unusable(path, "no certificate in PEM form", error) from None
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.certificate_key)
            except OSError as error:
                files = f"with {self.certificate_key} no certificate and its key in PEM form"
                raise _unusable(self.certificate, files, error) from None
        return context


def _unusable(path: Path, what: str, error: OSError) -> FileProblem:
    why = what if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
    return FileProblem(path, [Problem(0, "", why)])
