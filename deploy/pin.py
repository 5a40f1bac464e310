"""Write constraints.txt: every dependency pinned, with the hashes of all its files and without any address.

Usage: python deploy/pin.py. Asks the package index that pip is configured for. The resolution is made on this machine; packages
that only other platforms need are none today.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from pathlib import Path

from pip._internal.models.index import PyPI

ROOT = Path(__file__).resolve().parent.parent


def wanted() -> list[str]:
    """Return the names of all dependencies, those for development included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def resolve(requirements: list[str]) -> dict[str, str]:
    """Return name → version as pip resolves them now, nothing installed taken into account."""
    with tempfile.NamedTemporaryFile() as report:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--ignore-installed",
            "--quiet",
            "--report",
            report.name,
        ]
        subprocess.run([*command, *requirements], check=True, stderr=subprocess.DEVNULL)
        found = json.loads(Path(report.name).read_text(encoding="utf-8"))["install"]
    return {normal(item["metadata"]["name"]): item["metadata"]["version"] for item in found}


def normal(name: str) -> str:
    """Return a project's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def index() -> str:
    """Return the address of the package index that pip uses: what it is configured for, else pip's own default."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return (configured or PyPI.simple_url).rstrip("/")


def hashes(address: str, name: str, version: str) -> list[str]:
    """Return the sha256 of every file that the index has for a version."""
    request = urllib.request.Request(f"{address}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request) as response:
        files = json.load(response)["files"]
    spelled = "[-_.]+".join(map(re.escape, name.split("-")))
    stem = re.compile(rf"{spelled}-{re.escape(version)}(-|\.tar\.gz$|\.zip$)", re.IGNORECASE)
    found = sorted({file["hashes"]["sha256"] for file in files if stem.match(file["filename"])})
    if not found:
        raise SystemExit(f"no files found for {name} {version}")
    return found


def main() -> None:
    address = index()
    lines = []
    for name, version in sorted(resolve(wanted()).items()):
        entries = " \\\n    ".join(f"--hash=sha256:{digest}" for digest in hashes(address, name, version))
        lines.append(f"{name}=={version} \\\n    {entries}")
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
