"""Known answers of the import closure and the code hash, on a tiny project."""

import ast
from pathlib import Path

import pytest

from mangagan.core import code

FILES = {
    "app/__init__.py": '"""Only a docstring."""\n',
    "app/main.py": '''\
"""The entry point."""

from typing import TYPE_CHECKING

from app import config
from app.lib.tool import work

if TYPE_CHECKING:
    from app.lib import typed
else:
    import app.lib.untyped


def run() -> None:
    """Import late."""
    import app.lib.late as late

    late.go(work, config)
''',
    "app/config.py": 'TABLE = "table.csv"\nTEMPLATES = "templates"\n',
    "app/table.csv": "a,b\n",
    "app/notes.csv": "no module names this file\n",
    "app/templates/page.html": "<p></p>\n",
    "app/templates/README.md": "for people\n",
    "app/lib/__init__.py": "VERSION = 1\n",
    "app/lib/tool.py": "import json\n\nimport other.thing\n\n\ndef work():  # a comment\n    return json\n",
    "app/lib/late.py": "def go(*args):\n    if not args:\n        raise UserError('no arguments')\n    return args\n",
    "app/lib/typed.py": "",
    "app/lib/untyped.py": "",
    "app/unrelated.py": "",
    "extra/helper.py": "from app.lib import late\n",  # a folder without __init__.py
    "other/thing.py": "import app.unrelated\n",  # not one of PACKAGES
}
CLOSURE = [
    "app/config.py",
    "app/lib/__init__.py",
    "app/lib/late.py",
    "app/lib/tool.py",
    "app/lib/untyped.py",
    "app/main.py",
    "app/table.csv",
    "app/templates/page.html",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the tiny project the one that `code` looks at."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    monkeypatch.setattr(code, "PACKAGES", ("app", "extra"))
    return tmp_path


def closure(*modules: str) -> list[str]:
    return [path.as_posix() for path in code.import_closure(*modules)]


def hash_after(path: Path, old: str, new: str) -> str:
    """Return the code hash of app.main after an edit."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return code.code_hash("app.main")


def test_closure_of_the_tiny_project(project: Path) -> None:
    assert closure("app.main") == CLOSURE
    assert closure("app.unrelated") == ["app/unrelated.py"]
    assert closure("app.main", "app.unrelated") == sorted([*CLOSURE, "app/unrelated.py"])
    assert closure("app.lib") == ["app/lib/__init__.py"]


def test_closure_follows_folders_without_init(project: Path) -> None:
    assert closure("extra.helper") == ["app/lib/__init__.py", "app/lib/late.py", "extra/helper.py"]


def test_package_hides_a_module_of_its_name(project: Path) -> None:
    (project / "app/lib.py").write_text("import app.unrelated\n")
    assert closure("app.main") == CLOSURE


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("app/lib/tool.py", "  # a comment", "  # another comment\n    # and one more"),
        ("app/lib/tool.py", "import json\n\n", "import json\n\n\n\n"),
        ("app/main.py", "The entry point.", "Where it starts."),
        ("app/main.py", '    """Import late."""\n', ""),
        ("app/__init__.py", "Only a docstring.", "Still only a docstring."),
        ("app/lib/typed.py", "", "ROW = 1\n"),
        ("app/unrelated.py", "", "VALUE = 1\n"),
        ("app/notes.csv", "no module", "nobody"),
        ("app/templates/README.md", "for people", "for nobody"),
        ("other/thing.py", "app.unrelated", "app.lib.typed"),
        ("app/lib/late.py", "no arguments", "arguments are needed"),  # the text of a UserError
    ],
)
def test_edits_that_keep_the_hash(project: Path, file: str, old: str, new: str) -> None:
    before = code.code_hash("app.main")
    assert hash_after(project / file, old, new) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("app/lib/tool.py", "return json", "return None"),
        ("app/lib/late.py", "return args", "return args[0]"),
        ("app/lib/late.py", "UserError", "KeyError"),
        ("app/lib/__init__.py", "VERSION = 1", "VERSION = 2"),
        ("app/__init__.py", '"""Only a docstring."""\n', "VERSION = 1\n"),
        ("app/lib/untyped.py", "", "VALUE = 1\n"),
        ("app/config.py", "table.csv", "notes.csv"),
        ("app/table.csv", "a,b", "a,c"),
        ("app/templates/page.html", "<p>", "<p class=x>"),
        ("app/main.py", "from app import config\n", "from app import config, unrelated\n"),
    ],
)
def test_edits_that_change_the_hash(project: Path, file: str, old: str, new: str) -> None:
    before = code.code_hash("app.main")
    assert hash_after(project / file, old, new) != before


@pytest.mark.parametrize(
    ("one", "other"), [("x = None", "x = 0"), ("x[:1]", "x[1:]"), ("{**a}", "{None: a}"), ("f()", "f")]
)
def test_different_code_has_different_hashes(project: Path, one: str, other: str) -> None:
    assert hash_after(project / "app/lib/untyped.py", "", one) != hash_after(project / "app/lib/untyped.py", one, other)


def test_an_f_string_has_the_same_dump_in_all_versions_of_python() -> None:
    name = "Name(id='{}', ctx=Load())".format
    inner = f"FormattedValue(value={name('y')}, conversion=-1)"  # Python 3.12 adds an empty string after it
    spec = f"JoinedStr(values=[Constant(value='0'), {inner}])"
    outer = f"FormattedValue(value={name('x')}, conversion=-1, format_spec={spec})"
    assert code._dump(ast.parse('f"{x:0{y}}"').body) == f"[Expr(value=JoinedStr(values=[{outer}]))]"


def test_errors_name_the_file(project: Path) -> None:
    (project / "app/lib/late.py").write_text("from . import tool\n")
    with pytest.raises(ValueError, match=r"late\.py line 1: relative imports"):
        code.import_closure("app.main")
    (project / "app/lib/late.py").write_text("def broken(:\n")
    with pytest.raises(SyntaxError) as caught:
        code.import_closure("app.main")
    assert caught.value.filename == str(project / "app/lib/late.py")
    assert caught.value.lineno == 1
    with pytest.raises(ValueError, match=r"no module app\.nowhere"):
        code.import_closure("app.nowhere")
