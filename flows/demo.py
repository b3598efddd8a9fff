"""Run the whole pipeline on the sample manga, in a separate workspace. `make demo` runs this command."""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mangagan.core import catalog
from mangagan.core.errors import UserError
from mangagan.core.files import atomic_path
from mangagan.core.parallel import cpu_count
from tasks.environment import dvc_environment

PROJECT = Path(__file__).resolve().parents[1]
CODE_FOLDERS = ("mangagan", "tasks", "flows")
FILES = ("dvc.yaml", "params.yaml", ".dvcignore")
GROUND_TRUTH = Path("data/truth.json")  # marks a folder as a workspace of the demo
# Settings that make training short enough for two cores without a GPU: a narrow network, few images, and one thread,
# because two threads are slower on a busy machine.
DEMO_PARAMS = {
    "train": {
        "preset": "small",
        "kimg": 12.0,
        "log_kimg": 0.5,
        "snapshot_kimg": 3,
        "measure_kimg": 6.0,
        "threads": 1,
    }
}
GIT = ("git", "-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false")


def main() -> int:
    """Create or update the workspace, draw the sample manga, and run `dvc repro`. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=PROJECT / "demo", help="folder of the workspace (default: demo)"
    )
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
    """Create the workspace, or update its code and parameters. Draw the sample manga if it does not exist.

    Raises:
        UserError: The folder holds other files.
    """
    has_manga = (directory / GROUND_TRUTH).exists()
    if directory.exists() and any(directory.iterdir()) and not has_manga:
        raise UserError(f"{directory} is not an empty folder. Choose another one with --directory")
    (directory / catalog.SCREENSHOTS.parent).mkdir(parents=True, exist_ok=True)
    for name in CODE_FOLDERS:
        shutil.rmtree(directory / name, ignore_errors=True)
        shutil.copytree(PROJECT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(PROJECT / name, directory / name)
    if not (directory / catalog.OVERRIDES).exists():
        shutil.copyfile(PROJECT / catalog.OVERRIDES, directory / catalog.OVERRIDES)
    write_demo_params(directory / catalog.PARAMS)
    if not has_manga:
        from mangagan.sample.manga import draw_manga

        print("demo: drawing the sample manga", flush=True)
        draw_manga(directory / catalog.SCREENSHOTS.parent, seed=0, workers=cpu_count())
    make_repository(directory)


def write_demo_params(path: Path) -> None:
    """Write the settings of the demo into its params.yaml. The comments are kept."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(path)
    for section, values in DEMO_PARAMS.items():
        document[section].update(values)
    with atomic_path(path) as temporary:
        yaml.dump(document, temporary)


def make_repository(directory: Path) -> None:
    """Make the workspace a git and DVC repository, so that `dvc exp` works in it."""
    if (directory / ".dvc").exists():
        return
    ignored = (
        f"/{catalog.STATE}/",
        "__pycache__/",
        f"/{catalog.SCREENSHOTS}/",
        f"/{catalog.FACES_IMPORT}/",
        "/out/",
        "/dvc_plots/",
    )
    (directory / ".gitignore").write_text("".join(f"{name}\n" for name in ignored))
    dvc = [sys.executable, "-m", "dvc"]
    for command in (
        ["git", "init", "--quiet"],
        [*dvc, "init", "--quiet"],
        [*dvc, "config", "core.analytics", "false"],
        ["git", "add", "--all"],
        [*GIT, "commit", "--quiet", "--message", "Demo pipeline"],
    ):
        subprocess.run(command, cwd=directory, env=dvc_environment(), check=True)


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
