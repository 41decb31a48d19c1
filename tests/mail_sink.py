"""A mail server that keeps what it gets, and the servers that write to it, started for a test."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """Every mail that was sent, in the order of arrival, as `(recipient, mail)`."""

    port: int
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails += [(recipient, mail) for recipient in envelope.rcpt_tos]
        return "250 OK"

    def to(self, recipient: str) -> list[EmailMessage]:
        return [mail for address, mail in self.mails if address == recipient]


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    sink = Controller(box, hostname="127.0.0.1", port=box.port)
    sink.start()
    try:
        yield box
    finally:
        sink.stop()


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def links(mail: EmailMessage) -> list[str]:
    """Every address in either part and in the header by which mail programs let their user unsubscribe."""
    everything = part(mail, "plain") + part(mail, "html") + str(mail.get("List-Unsubscribe", ""))
    return sorted(set(re.findall(r"https?://[^\s\"'<>]+", everything)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, seconds: float = 45) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def start(stack: ExitStack, folder: Path, name: str, command: list[str], ready: str) -> subprocess.Popen[bytes]:
    """Runs `command` until `stack` is left; returns once `ready` answers."""
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    wait_until(lambda: _answers(ready), f"{name} to start")
    return process


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
