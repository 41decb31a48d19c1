"""A domain's folder, in turns: read from disk before each operation, written whole after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from studyscope_contract.keys import SigningKey
from studyscope_exporter.disclosure.approval import Approver
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.frozen import FrozenDomain
from studyscope_exporter.disclosure.ledger import written
from studyscope_exporter.disclosure.ledger_keys import refuse_another_writer
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.store import LEDGER, Loaded, Lock, Store
from studyscope_exporter.disclosure.terms import Terms

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
AnyFolder = TypeVar("AnyFolder", bound="DomainFolder")


def in_turn(
    operation: Callable[Concatenate[AnyFolder, Arguments], Result],
) -> Callable[Concatenate[AnyFolder, Arguments], Result]:
    """Alone in the folder, and from what is on disk now: the service, a person and cron take turns."""

    @wraps(operation)
    def alone(domain: AnyFolder, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with domain._lock.held():
            domain._notice_changes()
            return operation(domain, *args, **kwargs)

    return alone


class DomainFolder:
    """What every operation of a domain works with; `in_turn` is around each that is public."""

    def __init__(
        self, folder: Path, lock: Lock, store: Store, terms: Terms, signing_key: SigningKey, approvers: Sequence[Approver],
        random: SecretRandom, audit: Audit, state_key: bytes,
    ) -> None:  # fmt: skip
        self.ledger_path = folder / LEDGER
        self._lock, self._store, self._terms, self._key = lock, store, terms, signing_key
        self._approvers, self._random, self._audit, self._state_key = tuple(approvers), random, audit, state_key
        self._loaded: Loaded | None = None
        self._sealed: bytes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was read; the folder itself is only held during an operation."""
        self._loaded = None

    def _notice_changes(self) -> None:
        """Forgets what was read when another process has moved the folder since."""
        sealed = self._store.sealed()
        if sealed is None or sealed != self._sealed:
            self._loaded = None
        self._sealed = sealed

    def _load(self) -> Loaded:
        if self._loaded is None:
            self._loaded = self._store.load()
        return self._loaded

    def _frozen(self) -> FrozenDomain | None:
        loaded = self._load()
        if loaded.frozen is None:
            return None
        refuse_another_writer(loaded.ledger, self._key.public)
        return FrozenDomain(self._store, loaded, self._terms, self._key)

    def _state(self) -> State:
        state = self._load().state
        assert state is not None
        return state

    def _state_or_refuse(self, what: str) -> State:
        loaded = self._load()
        if loaded.state is None:
            raise DomainProblem(f"nothing can be {what}: the domain is frozen, {loaded.frozen}; see docs/acts.md, 'frozen'")
        return loaded.state

    def _commit(self, state: State, *acts: Mapping[str, object]) -> None:
        """Keeps the state with the lines of what was done; nothing done is nothing written."""
        if not acts:
            return
        loaded = self._load()
        refuse_another_writer(loaded.ledger, self._key.public)
        lines, head = written(loaded.head, acts, self._key)
        self._loaded = None  # where the commit breaks off, the next call reads what is on disk
        self._store.commit(state, lines, loaded.head)
        self._loaded, self._sealed = Loaded(state, loaded.ledger + lines, head), self._store.sealed()

    def _note(self, act: Mapping[str, object]) -> None:
        frozen = self._frozen()
        if frozen is None:
            self._commit(self._state(), act)
            return
        frozen.note(act)
        self._loaded = None
