"""Groups of imported pictures: pictures of one group are never separated by the hold-out split."""

import re
from functools import cache

NONE, FOLDER = "none", "folder"
# Folders that name a split of a dataset, in lower case. They are no groups: a drawing can be in two splits.
SPLITS = frozenset({"train", "training", "test", "testing", "eval", "evaluation", "val", "valid", "validation", "dev"})


@cache
def compile_rule(rule: str) -> re.Pattern[str] | None:
    """Return the regular expression of a rule. None for the rules `none` and `folder`.

    Raises:
        ValueError: The rule is no regular expression, or has no group in parentheses.
    """
    if rule in (NONE, FOLDER):
        return None
    advice = f"group must be {NONE}, {FOLDER} or a regular expression with a group in parentheses"
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise ValueError(f"{advice}: {rule} is not valid ({error})") from None
    if not pattern.groups:
        raise ValueError(f"{advice}, not {rule}")
    return pattern


def find_group(path: str, rule: str) -> str | None:
    """Return the group of a picture. None if the picture is a group of its own.

    Args:
        path: Result of `find_path_in_title`.
        rule: `ImportParams.group`.
    """
    pattern = compile_rule(rule)
    if pattern is not None:
        match = pattern.search(path)
        return (match[1] or None) if match else None
    if rule == NONE:
        return None
    folders = [folder for folder in path.split("/")[:-1] if folder.lower() not in SPLITS]
    return "/".join(folders) or None


def find_path_in_title(name: str) -> str:
    """Return the path of a picture below its title. A container counts as a folder.

    Args:
        name: Name of the source, for example `title/train/1.png` or `title/faces.zip::train/1.png`. A container at the
            top level is the title itself: `faces.zip::train/1.png`.
    """
    file, *members = name.split("::")
    _, slash, rest = file.partition("/")
    return "/".join([rest, *members] if slash else members)
