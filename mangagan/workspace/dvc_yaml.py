"""The dvc.yaml of a workspace, generated from that of the project."""

import io
from pathlib import Path
from typing import Any

from mangagan.workspace.code_file import CODE_FILE

TEMPLATE = Path(__file__).parent / "template"
CODE_PREFIX = "mangagan/"
HEADER = f"""\
# The pipeline. `dvc repro` runs the stages that are out of date; the Prefect flow reads the stages from here.
# Written by `mangagan init`. `mangagan upgrade` renews this file, unless you edited it.
# The code of a stage is in the installed package: {CODE_FILE} has its hash, and a stage with another hash runs again.
"""


def generate_dvc_yaml() -> str:
    """Return the dvc.yaml of a workspace.

    It is the dvc.yaml of the project. Each stage that depends on source folders watches its key of code.yaml instead.
    """
    source = (TEMPLATE / "dvc.yaml").read_text(encoding="utf-8")
    return HEADER + replace_code_deps(source[source.index("stages:") :])


def replace_code_deps(source: str) -> str:
    """Replace the dependencies on code in a dvc.yaml that begins with its stages. Comments are kept."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(source)
    rest_start = min((document.lc.key(key)[0] for key in document if key != "stages"), default=source.count("\n") + 1)
    for key in [key for key in document if key != "stages"]:
        del document[key]
    for name, entry in document["stages"].items():
        watch_code(name, entry)
    stages = io.StringIO()
    yaml.dump(document, stages)
    # The dump would join the wrapped lines of the other sections.
    return stages.getvalue().rstrip("\n") + "\n\n" + "".join(source.splitlines(keepends=True)[rest_start:])


def watch_code(stage: str, entry: Any) -> None:
    """Replace the source folders in the `deps` of a stage by its key of code.yaml, in place."""
    from ruamel.yaml.comments import CommentedMap

    code = [dep for dep in entry.get("deps", ()) if str(dep).startswith(CODE_PREFIX)]
    if not code:
        return
    for dep in code:
        entry["deps"].remove(dep)
    if not entry["deps"]:
        del entry["deps"]
    watched = CommentedMap({str(CODE_FILE): [stage]})
    watched.fa.set_flow_style()
    if "params" in entry:
        entry["params"].append(watched)
    else:
        entry["params"] = [watched]


def read_stages(text: str) -> dict[str, Any]:
    """Return the stages of a dvc.yaml; none if it is not valid."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return {}
    stages = document.get("stages") if isinstance(document, dict) else None
    return stages if isinstance(stages, dict) else {}


def list_later_stages(stages: dict[str, Any], first: list[str]) -> list[str]:
    """Return the stages that depend on outputs of these stages, directly or not, in the order of the file."""
    later: set[str] = set(first)
    while True:
        outs = {path for name in later for key in ("outs", "metrics") for path in list_paths(stages, name, key)}
        found = {name for name in stages if outs & set(list_paths(stages, name, "deps"))}
        if found <= later:
            return [name for name in stages if name in later and name not in first]
        later |= found


def list_paths(stages: dict[str, Any], name: str, key: str) -> list[str]:
    """Return the paths in a list of a stage. An entry with options is a mapping with the path as its key."""
    entry = stages.get(name)
    values = entry.get(key) if isinstance(entry, dict) else None
    return [next(iter(value)) if isinstance(value, dict) else str(value) for value in values or ()]
