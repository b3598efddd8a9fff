"""`make demo`: the whole pipeline on the sample manga, in a workspace of its own."""

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
from tasks.environment import for_dvc

PROJECT = Path(__file__).resolve().parents[1]
CODE = ("mangagan", "tasks", "flows")
FILES = ("dvc.yaml", "params.yaml", ".dvcignore")
# What makes training short enough for two cores without a GPU: a narrow network. One thread, because two on a machine
# with other work to do are slower than one.
SHORT = {
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
    """Makes or refreshes the workspace, draws the sample manga and runs `dvc repro` in it."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=PROJECT / "demo", help="the workspace (default: demo)")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        prepare(arguments.directory)
    except UserError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    code = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=arguments.directory, env=for_dvc()).returncode
    if code == 0:
        print_places(arguments.directory, time.monotonic() - started)
    return code


def prepare(directory: Path) -> None:
    """Brings the workspace's code and parameters up to date; draws the sample manga if it is not there yet."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "data" / "truth.json").exists():
        raise UserError(f"{directory} holds something else: name an empty folder with --directory")
    (directory / "data").mkdir(parents=True, exist_ok=True)
    for name in CODE:
        shutil.rmtree(directory / name, ignore_errors=True)
        shutil.copytree(PROJECT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(PROJECT / name, directory / name)
    if not (directory / catalog.OVERRIDES).exists():
        shutil.copyfile(PROJECT / catalog.OVERRIDES, directory / catalog.OVERRIDES)
    shorten(directory / catalog.PARAMS)
    if not (directory / "data" / "truth.json").exists():
        from mangagan.sample import draw_manga

        print("demo: drawing the sample manga", flush=True)
        draw_manga(directory / "data", seed=0, workers=cpu_count())
    make_repository(directory)


def shorten(path: Path) -> None:
    """Writes the demo's values into its params.yaml; the comments stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(path)
    for section, values in SHORT.items():
        document[section].update(values)
    with atomic_path(path) as temporary:
        yaml.dump(document, temporary)


def make_repository(directory: Path) -> None:
    """Makes the workspace a repository of git and DVC, so that experiments can be tried in it."""
    if (directory / ".dvc").exists():
        return
    (directory / ".gitignore").write_text("/.mangagan/\n__pycache__/\n/data/screenshots/\n/out/\n/dvc_plots/\n")
    dvc = [sys.executable, "-m", "dvc"]
    for command in (
        ["git", "init", "--quiet"],
        [*dvc, "init", "--quiet"],
        [*dvc, "config", "core.analytics", "false"],
        ["git", "add", "--all"],
        [*GIT, "commit", "--quiet", "--message", "The demo's pipeline"],
    ):
        subprocess.run(command, cwd=directory, env=for_dvc(), check=True)


def print_places(directory: Path, seconds: float) -> None:
    """Says where to look."""
    print(f"\ndone in {seconds:.0f} s. Look at:")
    for what, path in {
        "report": catalog.REPORT,
        "faces kept": catalog.pictures("dedup") / "kept.png",
        "sample grid": catalog.pictures("train") / "samples.png",
        "manifest": catalog.MANIFEST,
        "metrics": Path("metrics"),
    }.items():
        print(f"  {what:12} {directory / path}")


if __name__ == "__main__":
    sys.exit(main())
