"""The questions of `init`, for what no flag answered; a wrong answer is asked for again, with what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studyscope_contract.keys import KeyProblem, VerifyingKey
from studyscope_contract.study import Study
from studyscope_exporter.settings import may_be_a_centre

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
        wrong = ""
        while True:
            path = Path(self.text(wrong + question)).expanduser()
            if path.is_file():
                return path
            wrong = f"There is no file {path}. "

    def folder(self, question: str) -> str:
        """'' for none."""
        wrong = ""
        while True:
            answer = self.optional(wrong + question)
            if not answer or Path(answer).is_dir():
                return answer
            wrong = f"There is no folder {answer}. "

    def centre(self, question: str) -> str:
        wrong = ""
        while True:
            answer = self.text(wrong + question)
            if may_be_a_centre(answer):
                return answer
            wrong = f"{answer} is no https:// address. "

    def site_of(self, study: Study) -> str:
        known = [site.id for site in study.sites]
        wrong = ""
        while True:
            question = f"{wrong}Which site are you? The study names {', '.join(known)}"
            answer = self.text(question, known[0] if len(known) == 1 else "")
            if answer in known:
                return answer
            wrong = f"{answer} is none of its sites. "

    def legal_basis(self, least: int) -> str:
        """Where a protocol that obliges to exact numbers is written; '' where there is none."""
        question = "If an approved protocol obliges you to EXACT numbers of patients by stage: its name, section, who approved it"
        wrong = ""
        while True:
            answer = self.optional(wrong + question)
            if not answer or len(answer) >= least:
                return answer
            wrong = f"Name protocol, section and who approved it, {least} letters or more. "

    def approver_key(self, question: str) -> str:
        """The text of a public key, or '' when one is to be made."""
        wrong = ""
        while True:
            answer = self.optional(wrong + question)
            try:
                return VerifyingKey.parse(answer).text if answer else ""
            except KeyProblem as problem:
                wrong = f"{problem}. "
