"""A certificate for the loopback, as a hospital's own authority would make it."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate_by(authority: Path, name: str) -> Path:
    """A certificate of `name`, made by the authority in a PEM file of `certificate`; with its key, in one file beside it."""
    pem = authority.read_bytes()
    issuer, issuer_key = x509.load_pem_x509_certificate(pem), serialization.load_pem_private_key(pem, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        issuer.subject,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        now - dt.timedelta(days=1),
        now + dt.timedelta(days=1),
    ).sign(issuer_key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = authority.with_name(f"{name}.pem")
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def certificate(folder: Path, *, address: str = "127.0.0.1", until: dt.timedelta = dt.timedelta(days=1)) -> Path:
    """A self-signed certificate and its key in one PEM file of `folder`."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hospital")])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - dt.timedelta(days=9), now + until
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{address}.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path
