"""params.yaml, read into frozen dataclasses: a key that is unknown or of the wrong type is an error that names it."""

import difflib
import json
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from mangagan.core.catalog import PARAMS, STAGES
from mangagan.core.errors import UserError

Params = TypeVar("Params")

SECTIONS = tuple(STAGES)


def load(section: str, cls: type[Params], root: Path = Path()) -> Params:
    """Reads one section of `root`/params.yaml.

    Args:
        section: the stage's name.
        cls: a frozen dataclass; its field names are the section's keys, its `__post_init__` raises ValueError for
            values out of range. Keys left out of the file take the dataclass's defaults.
        root: the workspace.

    Raises:
        UserError: the file is missing or no YAML, or a key is unknown, of the wrong type, or out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    values = read_sections(root / PARAMS).get(section) or {}
    check_keys(values, cls, section)
    try:
        # JSON mode is strict about types, yet reads a list as a tuple.
        return TypeAdapter(cls).validate_json(json.dumps(values, default=str, allow_nan=False), strict=True)
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise UserError(f"{PARAMS}: {section}: a number must be finite, not .inf or .nan") from None
        first = error.errors()[0]
        where = ".".join([section, *(str(part) for part in first["loc"])])
        got = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
        raise UserError(f"{PARAMS}: {where}: {explain(first)}{got}") from None


def read_sections(path: Path) -> dict[str, Any]:
    """The whole file as a mapping of sections, with section names checked.

    Raises:
        UserError: the file is missing, no YAML, or holds an unknown section.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # YAML 1.2, as DVC reads and writes it: there 1e-05 is a number.
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} not found: run this in the folder that holds params.yaml and dvc.yaml") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise UserError(f"{path} must hold the sections {', '.join(SECTIONS)}")
    for section in document:
        if section not in SECTIONS:
            raise UserError(f"{path.name}: {section} is not a known section{nearest(str(section), list(SECTIONS))}")
    return document


def check_keys(values: Any, cls: type, where: str) -> None:
    """Raises UserError for a key that `cls`, or a dataclass within it, has no field for."""
    if not isinstance(values, dict):
        raise UserError(f"{PARAMS}: {where} must hold keys and values, not {type(values).__name__}")
    types = get_type_hints(cls)
    for key, value in values.items():
        if key not in types:
            raise UserError(f"{PARAMS}: {where}.{key} is not a known key{nearest(str(key), list(types))}")
        if is_dataclass(types[key]):
            check_keys(value, types[key], f"{where}.{key}")


def nearest(name: str, known: list[str]) -> str:
    """The end of an error line that names the likeliest right name, or all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def explain(error: Any) -> str:
    """One validation error of pydantic in plain words."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return str(error["msg"]).replace("Input should be", "must be")
