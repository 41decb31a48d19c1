"""Reads one YAML file into a strict model; every problem names file, line, key and what is allowed.

FileProblem          one file cannot be used; `.problems` holds each (line, key, message)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError


class Frozen(BaseModel):
    """Base of all models at a border: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class Strict(Frozen):
    """Base of what people write: an unknown key is an error that names the known ones."""

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = _known_keys(cls)
        for key in value:
            if key not in known:
                shown = ", ".join(sorted(field.alias or name for name, field in cls.model_fields.items()))
                raise PydanticCustomError("unknown_key", "unknown key; allowed here: {shown}", {"key": str(key), "shown": shown})
        return value


@functools.cache
def _known_keys(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items()) | frozenset(model.model_fields)


class _Loader(yaml.SafeLoader):
    """Leaves dates as texts: the model reads them, and says where one does not exist.

    Not the faster loader in C: a deeply nested file ends the whole process there.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file."""

    line: int
    key: str
    message: str


class FileProblem(Exception):
    """A file cannot be used as it is; the message lists every problem with its line and key."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(self._said(one) for one in problems))

    def _said(self, problem: Problem) -> str:
        place = f"{self.path}, line {problem.line}" if problem.line else str(self.path)
        return ": ".join(part for part in (place, problem.key, problem.message) if part)


Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 4 * 1024 * 1024


def read_yaml(path: Path, model: type[Model], context: dict[str, Any] | None = None) -> Model:
    """The file at `path` as a `model`; `context` is for its validators. Raises FileProblem."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileProblem(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    return parse_yaml(raw, path, model, context)


def parse_yaml(raw: bytes, path: Path, model: type[Model], context: dict[str, Any] | None = None) -> Model:
    """`raw` as a `model`; `path` only names the file in messages."""
    node = _compose(raw, path)
    if not isinstance(node, yaml.MappingNode):
        raise FileProblem(path, [Problem(1, "", "the file must hold keys and values (a YAML mapping)")])
    _refuse_duplicates(node, path)
    try:
        content = _Loader("").construct_document(node)
    except yaml.YAMLError as error:
        raise FileProblem(path, [_syntax_problem(error)]) from None
    try:
        return model.model_validate(content, context=context)
    except ValidationError as error:
        raise FileProblem(path, [_problem(node, details) for details in error.errors(include_url=False)]) from None


def _compose(raw: bytes, path: Path) -> yaml.Node | None:
    if len(raw) > MAX_BYTES:
        raise FileProblem(path, [Problem(1, "", f"larger than {MAX_BYTES} bytes")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FileProblem(path, [Problem(line, "", "not UTF-8; save the file as UTF-8")]) from None
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise FileProblem(path, [_syntax_problem(error)]) from None
    return node


def _syntax_problem(error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    return Problem(mark.line + 1 if mark else 1, "", f"not valid YAML: {getattr(error, 'problem', None) or error}")


def _refuse_duplicates(root: yaml.Node, path: Path) -> None:
    waiting, visited = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            raise FileProblem(
                path, [Problem(node.start_mark.line + 1, "", "anchors and aliases are not allowed; repeat the value")]
            )
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    raise FileProblem(path, [Problem(key.start_mark.line + 1, str(key.value), "appears twice")])
                seen.add(key.value)
                waiting.append(value)


def _problem(root: yaml.Node, details: ErrorDetails) -> Problem:
    location = list(details["loc"])
    if details["type"] == "unknown_key":
        location.append(details["ctx"]["key"])
    line, key = _place(root, location)
    message = details["msg"].removeprefix("Value error, ")
    return Problem(line, key, "is missing" if details["type"] == "missing" else message)


def _place(node: yaml.Node, location: Sequence[int | str]) -> tuple[int, str]:
    """The line and dotted key of `location`; parts that name no key of the file are left out."""
    line, keys, lost = node.start_mark.line + 1, [], False
    for position, part in enumerate(location):
        if not lost and isinstance(node, yaml.MappingNode):
            match = [(k, v) for k, v in node.value if k.value == str(part)]
            if match:
                line, node = match[0][0].start_mark.line + 1, match[0][1]
            elif position < len(location) - 1:
                continue  # the name of a variant (a source's kind), not a key of the file
            else:
                lost = True  # a missing key: the line of what should hold it
        elif not lost and isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            continue
        keys.append(str(part))
    return line, ".".join(keys)
