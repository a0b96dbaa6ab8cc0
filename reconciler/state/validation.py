"""Checks what a YAML file says against the schema, and says each mistake where it stands, as a sentence."""

import difflib
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from reconciler.state.bounds import MAX_PROBLEMS
from reconciler.state.model import Path
from reconciler.state.problem import Problem
from reconciler.state.text import shown
from reconciler.state.types import Invalid
from reconciler.state.yaml import Document, Value

Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model], data: Value, document: Document, base: Path = ()
) -> tuple[Model | None, list[Problem]]:
    """Type `data`, which stands at `base` in the document. None when there is any problem.

    Where the document has a problem of its own already, what follows from it is not told.
    """
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        if error.error_count() > MAX_PROBLEMS:  # Of millions not even the details fit into memory.
            what = f"{_named(base)} has {error.error_count()} mistakes, which are too many to tell"
            return None, [Problem(document.at_key(*base), what, "look at its kind: is it what belongs here?")]
        details = error.errors(include_url=False, include_context=True)
    problems: dict[Path, Problem] = {}
    for detail in sorted(details, key=_is_literal_branch):
        steps, at_key = _follow(data, detail["loc"])
        path = (*base, *steps)
        if _is_literal_branch(detail) and any(other[: len(path)] == path for other in problems):
            continue  # The other branch of the union has said what is wrong.
        what, fix = _sentence(model, detail, steps)
        if detail["type"] == "missing":
            where = document.at_key(*path[:-1])
        else:
            at_key = at_key or detail["type"] == "extra_forbidden"
            where = document.at_key(*path) if at_key else document.locator.at(*path)
        problems.setdefault(path, Problem(where, what, fix))
    said = {problem.where for problem in document.problems}
    return None, [problem for problem in problems.values() if problem.where not in said]


def _is_literal_branch(detail: Any) -> bool:
    return bool(detail["loc"]) and str(detail["loc"][-1]).startswith("literal[")


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice that names the nearest of the known words, or else all of them."""
    choices = list(known)
    close = difflib.get_close_matches(word.lower(), choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(choices)}"


def _follow(data: Value, location: Iterable[str | int]) -> tuple[Path, bool]:
    """The path in the document that pydantic's location stands for, and whether its key is meant.

    Locations also name union branches, and list items where the user wrote a single value.
    """
    path: list[str | int] = []
    for step in location:
        if step == "[key]":
            return tuple(path), True
        if isinstance(data, dict) and isinstance(step, str):
            if step in data:
                data = data[step]
                path.append(step)
            elif "[" not in step:  # A missing key, not the name of a union's branch.
                path.append(step)
                data = None
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
            path.append(step)
    return tuple(path), False


def _sentence(model: type[BaseModel], detail: Any, path: Path) -> tuple[str, str]:
    """What is wrong, and what to do."""
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "value_error":
        error = context["error"]
        return (error.what, error.fix) if isinstance(error, Invalid) else (str(error), "")
    if kind == "missing":
        return f"{_named(path[:-1])} has no {path[-1]!r}", f"add the key {str(path[-1])!r}"
    if kind == "extra_forbidden":
        return f"unknown key {shown(str(path[-1]))}", nearest(str(path[-1]), _keys(model, path[:-1]))
    if kind in ("enum", "literal_error"):
        choices = [choice.strip("' ") for choice in context["expected"].replace(" or ", ", ").split(",")]
        return f"{found(value)} is not one of: {', '.join(choices)}", _close(value, choices)
    if kind == "dict_type" and path:
        return (
            f"expected a mapping of {_named(path)} by name, found {found(value)}",
            "write `NAME: …` below it for each",
        )
    if kind in ("model_type", "dict_type"):
        keys = list(_keys(model, path))
        fix = f"write `key: value` pairs below it; known keys are: {', '.join(keys)}" if keys else ""
        return f"expected a mapping of keys to values, found {found(value)}", fix
    if kind == "list_type":
        return (
            f"expected a list, found {found(value)}",
            "write it as [a, b], or as lines that begin with `- `",
        )
    if kind in ("less_than_equal", "greater_than_equal"):
        limit = context["le"] if kind == "less_than_equal" else context["ge"]
        return (
            f"{found(value)} is too {'large' if kind == 'less_than_equal' else 'small'}; the limit is {limit}",
            "",
        )
    return f"{found(value)}: {detail['msg'][0].lower()}{detail['msg'][1:]}", ""


def found(value: Any) -> str:
    """A value for a message: text is quoted, the rest is named."""
    if isinstance(value, str | int):
        return shown(str(value))
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "nothing"


def _named(path: Path) -> str:
    keys = [step for step in path if isinstance(step, str)]
    return shown(keys[-1]) if keys else "the file"


def _close(value: object, choices: list[str]) -> str:
    close = difflib.get_close_matches(str(value).lower(), choices, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _keys(model: type[BaseModel], path: Path) -> Iterator[str]:
    """The keys that the schema knows at `path`."""
    candidates: list[Any] = [model]
    for step in path:
        candidates = [inner for candidate in candidates for inner in _below(candidate, step)]
    for candidate in candidates:
        yield from candidate.model_fields


def _below(model: type[BaseModel], step: str | int) -> Iterator[Any]:
    """The models that may stand under a key of `model`; list indexes and free keys stay where they are."""
    field = model.model_fields.get(str(step))
    if field is None:
        yield model
    else:
        yield from _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, dict, Union, types.UnionType, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner)
