"""Reading params.yaml into frozen dataclasses. An unknown key or a wrong type is an error that names the key."""

import difflib
import json
import os
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from mangagan.core.catalog import PARAMS, STAGES
from mangagan.core.errors import UserError

Params = TypeVar("Params")

SECTIONS = (*STAGES, "machine")


def load(section: str, cls: type[Params], root: Path = Path()) -> Params:
    """Read one section of params.yaml.

    Args:
        section: Name of the section: a stage, or `machine`.
        cls: A frozen dataclass. Its fields are the keys of the section; a key that the file lacks keeps the default of
            its field. Its `__post_init__` checks ranges, and settings that depend on one another; it raises ValueError
            with a message that starts with the key.
        root: The workspace. Default: the working directory.

    Raises:
        UserError: The file is missing or not valid YAML, or a key is unknown, of the wrong type, or out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    values = read_sections(root / PARAMS).get(section)
    values = {} if values is None else values
    check_keys(values, cls, section)
    try:
        # JSON mode is strict about types, but reads a list as a tuple.
        return TypeAdapter(cls).validate_json(json.dumps(values, default=str, allow_nan=False), strict=True)
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise UserError(f"{PARAMS}: {section}: a number must be finite, not .inf or .nan") from None
        raise UserError(f"{PARAMS}: {describe_error(error.errors()[0], section, cls)}") from None


def load_or_default(section: str, cls: type[Params], root: Path = Path()) -> Params:
    """Read one section of params.yaml, or return the defaults if there is no params.yaml.

    For commands that work without a workspace. A stage uses `load`.

    Raises:
        UserError: As for `load`, if the file exists.
    """
    return load(section, cls, root) if os.path.lexists(root / PARAMS) else cls()


def read_sections(path: Path) -> dict[str, Any]:
    """Read params.yaml as a mapping of sections.

    Raises:
        UserError: The file is missing or not valid YAML, or has an unknown section.
    """
    document = read_document(path)
    for section in document:
        if section not in SECTIONS:
            raise UserError(f"{path.name}: {section} is not a known section{suggest(str(section), list(SECTIONS))}")
    return document


def read_document(path: Path) -> dict[str, Any]:
    """Read params.yaml without a check of its keys.

    Raises:
        UserError: The file is missing or not valid YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # YAML 1.2, as DVC reads and writes it: 1e-05 is a number, not a string as in YAML 1.1.
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        advice = "Run this in the folder that holds params.yaml and dvc.yaml, or make one with: mangagan init DIR"
        raise UserError(f"{path} not found. {advice}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise UserError(f"{path} must hold the sections {', '.join(SECTIONS)}")
    return document


def check_keys(values: Any, cls: type, where: str) -> None:
    """Raise UserError if a key is not a field of the dataclass, or of a dataclass within it."""
    if not isinstance(values, dict):
        raise UserError(f"{PARAMS}: {where} must hold keys and values, not {type(values).__name__}")
    types = get_type_hints(cls)
    for key, value in values.items():
        if key not in types:
            raise UserError(f"{PARAMS}: {where}.{key} is not a known key{suggest(str(key), list(types))}")
        if is_dataclass(types[key]):
            check_keys(value, types[key], f"{where}.{key}")


def suggest(name: str, known: list[str]) -> str:
    """Return a suggestion for an unknown name, to append to an error message: the closest name, or all known names."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def describe_error(error: Any, section: str, cls: type) -> str:
    """Return a validation error of pydantic as one line that starts with the key.

    Args:
        error: One item of `ValidationError.errors()`.
        section: Name of the section.
        cls: The dataclass of the section.
    """
    where = ".".join([section, *(str(part) for part in error["loc"])])
    if error["type"] != "value_error":
        got = "" if isinstance(error["input"], dict) else f", got {error['input']!r}"
        return f"{where}: {str(error['msg']).replace('Input should be', 'must be')}{got}"
    # A ValueError of a `__post_init__`; its message starts with the key.
    for part in error["loc"]:
        cls = get_type_hints(cls).get(str(part), cls)
    message = str(error["ctx"]["error"])
    separator = "." if message.partition(" ")[0].rstrip(",") in get_type_hints(cls) else ": "
    return f"{where}{separator}{message}"
