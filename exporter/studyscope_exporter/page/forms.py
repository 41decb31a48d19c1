"""What a browser's form sends, small and read whole: fields, and one uploaded file (RFC 7578)."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

LARGEST = 64 * 1024


def fields_of(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields by name; {} where the body is no form."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return {name: value.encode() for name, value in parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20)}
    if kind != "multipart/form-data":
        return {}
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    found: dict[str, bytes] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found
