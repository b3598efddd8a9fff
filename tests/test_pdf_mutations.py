import ast
import subprocess
import sys

from tests.paths import PROJECT


def test_mutated_files_neither_crash_nor_hang(tmp_path):
    # In a process of its own: PDFium is C++, and a crash would end the tests.
    command = [sys.executable, "-m", "tests.pdf_mutations", str(tmp_path), "120", "0"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    outcomes = ast.literal_eval(done.stdout)
    assert outcomes["read"] > 200
    assert outcomes["damaged PDF"] > 5
