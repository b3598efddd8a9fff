"""Run the whole pipeline on the sample manga, in a separate workspace. `make demo` runs this command."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.code import PROJECT
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path, sha256_file, write_json
from mangagan.core.parallel import cpu_count
from mangagan.workspace.code_file import CODE_FILE, DVC_YAML
from mangagan.workspace.create import create_workspace, read_template
from mangagan.workspace.upgrade import upgrade_workspace
from tasks.environment import dvc_environment

MARKER = Path("demo.json")  # marks a workspace of the demo; has the SHA-256 of the params.yaml that the demo wrote
PARAMS_SHA256 = "params_sha256"
GROUND_TRUTH = Path("data/truth.json")  # is written after the sample manga
COPIED_CODE = ("mangagan", "tasks", "flows")  # in the demo of version 0.1.0 and earlier
# Settings that make training short enough for two cores without a GPU: a narrow network, few images, and one thread,
# because two threads are slower on a busy machine.
DEMO_PARAMS = {
    "train": {
        "preset": "small",
        "kimg": 8.0,
        "log_kimg": 0.5,
        "snapshot_kimg": 2,
        "measure_kimg": 4.0,
        "threads": 1,
    }
}
EMAIL = "demo@localhost"
GIT = ("git", "-c", "user.name=demo", "-c", f"user.email={EMAIL}", "-c", "commit.gpgsign=false")


def main() -> int:
    """Create or update the workspace, draw the sample manga, and run `dvc repro`. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("demo"), help="folder of the workspace (default: demo)")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        prepare(arguments.directory)
    except UserError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    code = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=arguments.directory, env=dvc_environment()
    ).returncode
    if code == 0:
        print_results(arguments.directory, time.monotonic() - started)
    return code


def prepare(directory: Path) -> None:
    """Create the workspace, or update it to the installed code. Draw the sample manga if it does not exist.

    Raises:
        UserError: The folder holds other files.
    """
    check_directory(directory)
    if not (directory / MARKER).exists():
        write_json(directory / MARKER, {})
    if not (directory / GROUND_TRUTH).exists():
        from mangagan.sample.manga import draw_manga

        print("demo: drawing the sample manga", flush=True)
        draw_manga(directory / catalog.SCREENSHOTS.parent, seed=0, workers=cpu_count())
    if (directory / CODE_FILE).exists():
        for line in upgrade_workspace(directory):
            print(f"demo: {line}", flush=True)
    else:
        remove_copied_code(directory)
        create_workspace(directory)
    update_demo_params(directory)
    commit(directory)


def check_directory(directory: Path) -> None:
    """Raise UserError if the folder holds other files than those of a demo."""
    if (directory / "pyproject.toml").exists() or directory.resolve() == PROJECT:
        raise UserError(f"{directory} holds source code. Choose another folder with --directory")
    if (directory / MARKER).exists() or is_earlier_demo(directory):
        return
    if directory.exists() and any(directory.iterdir()):
        raise UserError(f"{directory} is not an empty folder. Choose another one with --directory")


def is_earlier_demo(directory: Path) -> bool:
    """Return True if the demo of an earlier version, which wrote no marker, made the first commit in this folder."""
    if not (directory / GROUND_TRUTH).exists() or not (directory / ".git").exists():
        return False
    command = ["git", "log", "--max-parents=0", "--format=%ae"]
    shown = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return EMAIL in shown.stdout.split()


def remove_copied_code(directory: Path) -> None:
    """Remove what an earlier version copied into the workspace: the code, and the dvc.yaml that depends on it."""
    if not any((directory / name).exists() for name in COPIED_CODE):
        return
    for path in (catalog.PARAMS, DVC_YAML):
        (directory / path).unlink(missing_ok=True)
    for name in COPIED_CODE:
        shutil.rmtree(directory / name, ignore_errors=True)


def update_demo_params(directory: Path) -> None:
    """Write the params.yaml of the demo, unless the user edited it."""
    path, marker = directory / catalog.PARAMS, directory / MARKER
    written = ""
    with suppress(OSError, ValueError, AttributeError):
        written = json.loads(marker.read_text(encoding="utf-8")).get(PARAMS_SHA256, "")
    if path.exists() and sha256_file(path) != written and path.read_bytes() != read_template(path.name):
        print(f"demo: {path} is not changed, because it is not the file that the demo wrote", flush=True)
        return
    write_demo_params(path)
    write_json(marker, {PARAMS_SHA256: sha256_file(path)})


def write_demo_params(path: Path) -> None:
    """Write the params.yaml of this version with the settings of the demo. The comments are kept."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(read_template(path.name))
    for section, values in DEMO_PARAMS.items():
        document[section].update(values)
    with atomic_path(path) as temporary:
        yaml.dump(document, temporary)


def commit(directory: Path) -> None:
    """Make the first commit of the workspace, so that `dvc exp` works in it."""
    head = subprocess.run(["git", "rev-parse", "--quiet", "--verify", "HEAD"], cwd=directory, capture_output=True)
    if head.returncode == 0:
        return
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "Demo pipeline"]):
        subprocess.run([*GIT, *command], cwd=directory, check=True)


def print_results(directory: Path, seconds: float) -> None:
    """Print where the results are."""
    print(f"\nfinished in {seconds:.0f} s. Results:")
    for label, path in {
        "report": catalog.REPORT,
        "faces kept": catalog.pictures_dir("dedup") / "kept.png",
        "sample grid": catalog.pictures_dir("train") / "samples.png",
        "manifest": catalog.MANIFEST,
        "metrics": catalog.metrics_file("train").parent,
    }.items():
        print(f"  {label:12} {directory / path}")


if __name__ == "__main__":
    sys.exit(main())
