"""`deploy/run`, the shell script, with a python that only writes down what it is asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.suite import ROOT

TOOLS = ("sh", "cat", "cksum", "dirname", "sed", "mkdir", "chmod", "env")

# Says yes to every question of the script, makes an environment that can only say what it was called with, installs nothing.
PYTHON = r"""#!/bin/sh
echo "$*" >>"$JOURNAL"
case "$*" in *"${REFUSED:-nothing is refused}"*) exit 1 ;; esac
case "$*" in "-m venv "*)
    mkdir -p "$3/bin"
    cat "$0" >"$3/bin/python"
    printf '#!/bin/sh\necho "$$ $*"\n' >"$3/bin/youguan"
    chmod 755 "$3/bin/python" "$3/bin/youguan" ;;
esac
"""


class Checkout:
    """A checkout with nothing but the script and what it reads, on a machine with nothing but `TOOLS` and a python."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a check out"
        self.journal = folder / "journal"
        self._programs = folder / "bin"
        self._programs.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None
            (self._programs / name).symlink_to(found)
        self.install_python()
        (self.root / "deploy").mkdir(parents=True)
        for name in ("deploy/run", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root / name)

    def install_python(self) -> None:
        python = self._programs / "python3"
        python.write_text(PYTHON)
        python.chmod(0o755)

    def remove_python(self) -> None:
        (self._programs / "python3").unlink()

    def run(self, *arguments: str, refused: str | None = None) -> "Done":
        """Run the script from some other folder; python refuses what it is asked for with such words."""
        environment = {"PATH": str(self._programs), "JOURNAL": str(self.journal)}
        self.journal.write_text("")
        with subprocess.Popen(
            [self.root / "deploy" / "run", *arguments],
            env=environment | ({"REFUSED": refused} if refused else {}),
            cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            output, errors = process.communicate(timeout=30)
        return Done(process.pid, process.returncode, output, errors, self.journal.read_text().splitlines())


class Done:
    def __init__(self, pid: int, code: int, output: str, errors: str, asked: list[str]) -> None:
        self.pid = pid
        self.code = code
        self.output = output
        self.errors = errors
        self.asked = asked


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_sets_up_and_becomes_the_command(checkout: Checkout) -> None:
    done = checkout.run("up", "--demo", "--data", "my data")
    assert done.code == 0, done.errors
    assert done.output == f"{done.pid} up --demo --data my data\n", "the same process: signals reach the command"
    installs = [line for line in done.asked if " pip install " in line]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index" in installs[1]
    assert os.fspath(checkout.root) in installs[1]


def test_the_second_run_asks_nothing_of_python_or_the_network(checkout: Checkout) -> None:
    checkout.run("status")
    checkout.remove_python()
    done = checkout.run("status")
    assert (done.code, done.output, done.errors, done.asked) == (0, f"{done.pid} status\n", "", [])


@pytest.mark.parametrize("file", ["constraints.txt", "pyproject.toml"])
def test_new_dependencies_are_installed(checkout: Checkout, file: str) -> None:
    checkout.run("status")
    text = (checkout.root / file).read_text()
    (checkout.root / file).write_text(text.replace("asyncpg", "asyncpg-two"))
    assert any(" pip install " in line for line in checkout.run("status").asked)
    assert checkout.run("status").asked == []


def test_a_checkout_that_was_moved_is_set_up_again(checkout: Checkout) -> None:
    checkout.run("status")
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    assert any(" pip install " in line for line in checkout.run("status").asked)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("version_info", ("Python 3.11 or newer is needed", "apt install python3 ", "brew install", "PYTHON=")),
        ("ensurepip", ("no venv module", "apt install python3-venv")),
        ("-m venv", ("virtual environment could not be made",)),
        ("--require-hashes", ("dependencies could not be installed", "network")),
        ("--editable", ("project itself could not be installed",)),
    ],
)
def test_what_is_missing_is_said_in_one_line_and_mended_by_the_next_run(
    checkout: Checkout, refused: str, words: tuple[str, ...]
) -> None:
    done = checkout.run("up", refused=refused)
    assert (done.code, done.output) == (1, "")
    *before, last = done.errors.splitlines()
    assert last.startswith("youguan: ")
    assert all(word in last for word in words), last
    assert all("setting up" in line for line in before)
    assert checkout.run("up").code == 0, "an unfinished set-up is done again"


def test_no_python_at_all(checkout: Checkout) -> None:
    checkout.remove_python()
    done = checkout.run("up")
    assert done.code == 1
    assert done.errors.startswith("youguan: Python 3.11 or newer is needed")
    assert done.errors.count("\n") == 1
