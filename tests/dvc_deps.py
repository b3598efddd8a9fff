"""Compare the code that each stage imports with its `deps` in dvc.yaml.

python -m tests.dvc_deps          # list what is missing or not needed
python -m tests.dvc_deps --fix    # write the missing entries into dvc.yaml and remove those that cover no code
"""

import sys
from typing import Any

from ruamel.yaml import YAML

from mangagan.core.code import PROJECT, import_closure

DVC_YAML = PROJECT / "dvc.yaml"


def read_stages() -> dict[str, Any]:
    """Return the stages of dvc.yaml that depend on code."""
    stages = YAML(typ="safe").load(DVC_YAML)["stages"]
    return {stage: entry for stage, entry in stages.items() if "deps" in entry}


def missing_deps(stage: str, deps: list[str]) -> list[str]:
    """Return the files of the import closure of the stage that no entry of `deps` covers."""
    files = [path.as_posix() for path in import_closure(f"mangagan.stages.{stage}")]
    return [file for file in files if not any(covers(dep, file) for dep in deps)]


def needless_deps(stage: str, deps: list[str]) -> list[str]:
    """Return the code entries of `deps` that cover no file of the import closure of the stage."""
    files = [path.as_posix() for path in import_closure(f"mangagan.stages.{stage}")]
    return [dep for dep in deps if dep.startswith("mangagan/") and not any(covers(dep, file) for file in files)]


def covers(dep: str, file: str) -> bool:
    """Return True if the entry is the file, or a folder that contains it."""
    return file == dep or file.startswith(f"{dep}/")


def fix() -> None:
    """Edit the `deps` lists in place. The comments and the rest of the file do not change."""
    lines = DVC_YAML.read_text().splitlines()
    for stage, entry in read_stages().items():
        start = lines.index(f"  {stage}:")
        following = next((n for n in range(start + 1, len(lines)) if lines[n][:3].strip()), len(lines))
        if "    deps:" not in lines[start:following]:
            sys.exit(f"dvc.yaml: write the deps of {stage} as a list with one entry a line")
        first = lines.index("    deps:", start) + 1
        end = next(number for number in range(first, len(lines)) if not lines[number].startswith("      - "))
        deps = [line.removeprefix("      - ") for line in lines[first:end]]
        needless = needless_deps(stage, entry["deps"])
        deps = [dep for dep in deps if dep not in needless] + missing_deps(stage, entry["deps"])
        lines[first:end] = [f"      - {dep}" for dep in deps]
    DVC_YAML.write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> int:
    """Print the problems, after a fix if requested; return 1 if there are any."""
    if arguments == ["--fix"]:
        fix()
    problems = 0
    for stage, entry in read_stages().items():
        for kind, found in (("missing", missing_deps), ("not needed", needless_deps)):
            for dep in found(stage, entry["deps"]):
                print(f"{stage}: {kind}: {dep}")
                problems += 1
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
