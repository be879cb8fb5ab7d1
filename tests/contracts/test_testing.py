"""The door to the contracts."""

import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_archbo_does_not_load_its_tests():
    result = run(
        "import sys, archbo; archbo.space('nb201'); print('archbo.testing' in sys.modules)"
    )
    assert result.stdout == "False\n"


def test_without_pytest_it_says_what_to_install():
    result = run("import sys; sys.modules['pytest'] = None; import archbo.testing.spaces")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last == "ImportError: archbo.testing needs pytest; install it with: pip install pytest"
