"""The questions of `init`, for what no flag answered; a wrong answer is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studyscope_contract.keys import KeyProblem, VerifyingKey
from studyscope_contract.study import Study

Ask = Callable[[str], str]


@dataclass(frozen=True)
class Questions:
    """Asks one person; `ask` shows a prompt and gives the line that was typed."""

    ask: Ask

    def text(self, question: str, default: str = "") -> str:
        shown = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            answer = self.ask(shown).strip() or default
            if answer:
                return answer

    def optional(self, question: str) -> str:
        return self.ask(f"{question} (Enter for none): ").strip()

    def file(self, question: str) -> Path:
        while True:
            path = Path(self.text(question)).expanduser()
            if path.is_file():
                return path
            self.ask(f"There is no file {path}. Enter to try again, Ctrl-C to stop: ")

    def site_of(self, study: Study) -> str:
        known = [site.id for site in study.sites]
        while True:
            answer = self.text(f"Which site are you? The study names {', '.join(known)}", known[0] if len(known) == 1 else "")
            if answer in known:
                return answer

    def legal_basis(self, least: int) -> str:
        """Where a protocol that obliges to exact numbers is written; '' where there is none."""
        question = "If an approved protocol obliges you to EXACT numbers of patients by stage: its name, section, who approved it"
        while True:
            answer = self.optional(question)
            if not answer or len(answer) >= least:
                return answer
            self.ask(f"Name protocol, section and who approved it, {least} letters or more. Enter to try again: ")

    def approver_key(self, question: str) -> str:
        """The text of a public key, or '' when one is to be made."""
        while True:
            answer = self.optional(question)
            try:
                return VerifyingKey.parse(answer).text if answer else ""
            except KeyProblem as problem:
                self.ask(f"{problem}. Enter to try again: ")
