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
        def path(asked: str) -> str:
            return str(Path(self.text(asked)).expanduser())

        return Path(_until(path, question, lambda answer: Path(answer).is_file(), "There is no file {}. "))

    def folder(self, question: str) -> str:
        """'' for none."""
        return _until(self.optional, question, lambda answer: not answer or Path(answer).is_dir(), "There is no folder {}. ")

    def centre(self, question: str) -> str:
        return _until(self.text, question, may_be_a_centre, "{} is no https:// address. ")

    def site_of(self, study: Study) -> str:
        known = [site.id for site in study.sites]

        def which(asked: str) -> str:
            return self.text(asked, known[0] if len(known) == 1 else "")

        question = f"Which site are you? The study names {', '.join(known)}"
        return _until(which, question, lambda answer: answer in known, "{} is none of its sites. ")

    def legal_basis(self, least: int) -> str:
        """Where a protocol that obliges to exact numbers is written; '' where there is none."""
        question = "If an approved protocol obliges you to EXACT numbers of patients by stage: its name, section, who approved it"
        wrong = f"Name protocol, section and who approved it, {least} letters or more. "
        return _until(self.optional, question, lambda answer: not answer or len(answer) >= least, wrong)

    def approver_key(self, question: str) -> str:
        """The text of a public key, or '' when one is to be made."""
        wrong = ""
        while True:
            answer = self.optional(wrong + question)
            try:
                return VerifyingKey.parse(answer).text if answer else ""
            except KeyProblem as problem:
                wrong = f"{problem}. "


def _until(ask: Ask, question: str, is_right: Callable[[str], bool], wrong: str) -> str:
    """The first answer that is right; after each other one it is asked again, with what was `wrong` before the question."""
    answer = ask(question)
    while not is_right(answer):
        answer = ask(wrong.format(answer) + question)
    return answer
