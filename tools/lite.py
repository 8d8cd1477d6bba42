"""Build the copy of the course that runs in a browser: SITE/lite, and the wheels it needs in SITE/pypi.

    .venv-lite/bin/python tools/lite.py [SITE]          build/site when none is named

JupyterLite brings JupyterLab. Python, NumPy and matplotlib come from Pyodide's public CDN; all else, this package
included, lies on the site. One lock names both, so that `import` is enough and no cell installs anything.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tools import address, offline  # noqa: E402

PYODIDE = "314.0.6"  # what jupyterlite-pyodide-kernel 0.8 was made for
CDN = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
KERNEL = "@jupyterlite/pyodide-kernel-extension"
# Pure Python that Pyodide's own lock lacks: name -> what it imports at once. What widgets need in a page comes from the
# lab extensions, so jupyterlab_widgets and the classic notebook's extension stay at home.
ADDED = {
    "anywidget": ["ipywidgets", "psygnal", "typing-extensions"],
    "comm": ["traitlets"],
    "ipywidgets": ["comm", "ipython", "traitlets"],
    "psygnal": [],
}
# What JupyterLite's kernel is made of; with it in the lock, a kernel starts without asking an index.
KERNEL_PARTS = {"piplite": ["micropip"], "ipykernel": [], "pyodide-kernel": ["comm", "ipython"]}
STARTS_WITH = ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython"]


def pyodide_core(cache):
    """The folder with Pyodide's core: Python itself and the lock, without packages, from npm."""
    core = cache / f"pyodide-{PYODIDE}"
    if not core.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [shutil.which("npm"), "pack", "--silent", f"pyodide@{PYODIDE}"], cwd=cache, check=True, stdout=2
        )
        with (
            tarfile.open(cache / f"pyodide-{PYODIDE}.tgz") as archive,
            tempfile.TemporaryDirectory() as place,
        ):
            archive.extractall(place, filter="data")
            shutil.move(f"{place}/package", core)
    return core


def labextensions():
    return Path(sys.prefix) / "share" / "jupyter" / "labextensions"


def fetch(names, wheels):
    """The pure wheels of these packages, in the versions of this environment."""
    from importlib.metadata import version

    pure = (
        "--no-deps",
        "--only-binary",
        ":all:",
        "--platform",
        "any",
        "--implementation",
        "py",
        "--abi",
        "none",
    )
    offline.pip(
        "download", "--quiet", *pure, "--dest", wheels, *(f"{name}=={version(name)}" for name in names)
    )


def collect(wheels):
    """Every wheel of the site in one folder."""
    wheels.mkdir(parents=True, exist_ok=True)
    offline.build_wheel(wheels)
    fetch(ADDED, wheels)
    for part in KERNEL_PARTS:
        for wheel in (labextensions() / KERNEL / "static" / "pypi").glob(f"{part.replace('-', '_')}-*.whl"):
            shutil.copy(wheel, wheels)


def entry(wheel, depends):
    """What a lock says of a wheel."""
    name, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        tops = {path.split("/")[0] for path in archive.namelist()}
    return {
        "name": name.replace("_", "-"),
        "version": version,
        "file_name": f"../pypi/{wheel.name}",
        "install_dir": "site",
        "sha256": sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(top for top in tops if re.fullmatch(r"\w+", top)),
        "depends": depends,
        "unvendored_tests": False,
    }


def needs():
    """The names of what course_utils needs, as pyproject.toml has them."""
    return [re.match(r"[\w-]+", line)[0].replace("_", "-") for line in address.project()["dependencies"]]


def lock(official, wheels):
    """Pyodide's lock, its files named by their place on the CDN, and ours beside them."""
    packages = {
        name: {**package, "file_name": CDN + package["file_name"]}
        for name, package in official["packages"].items()
    }
    depends = {**ADDED, **KERNEL_PARTS, "course-utils": needs()}
    for wheel in sorted(wheels.glob("*.whl")):
        name = wheel.name.split("-")[0].replace("_", "-")
        packages[name] = entry(wheel, depends[name])
    return {**official, "packages": packages}


def settings():
    """jupyter-lite.json: our lock, the parts of a kernel fetched at once, and no index to fall back on."""
    kernel = {
        "disablePyPIFallback": False,  # a reader may still install what she likes
        "loadPyodideOptions": {"lockFileURL": "./pyodide-lock.json", "packages": STARTS_WITH},
    }
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Can four numbers break a classifier?",
            "litePluginSettings": {f"{KERNEL}:kernel": kernel},
        },
    }


def stage(folder):
    """What JupyterLite is built from: the pages of the course at the paths their links expect, and its settings."""
    for part in ("notebooks", "docs"):
        shutil.copytree(ROOT / part, folder / "files" / part, ignore=offline.LEFT)
    (folder / "jupyter-lite.json").write_text(json.dumps(settings()), "utf-8")
    overrides = ROOT / "tools" / "labconfig" / "default_setting_overrides.json"
    shutil.copy(overrides, folder / "overrides.json")


def build(site):
    site.mkdir(parents=True, exist_ok=True)
    wheels, lite = site.resolve() / "pypi", site.resolve() / "lite"
    shutil.rmtree(wheels, ignore_errors=True)
    shutil.rmtree(lite, ignore_errors=True)
    collect(wheels)
    official = json.loads((pyodide_core(ROOT / "build") / "pyodide-lock.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as place:
        stage(Path(place))
        command = [
            sys.executable,
            "-m",
            "jupyterlite_core",
            "build",
            "--output-dir",
            str(lite),
            "--lite-dir",
            place,
        ]
        apps = ["--apps", "lab", "--apps", "notebooks", "--apps", "tree"]
        small = ["--no-sourcemaps", "--no-unused-shared-packages", "--no-libarchive"]
        subprocess.run([*command, "--contents", "files", *apps, *small], cwd=place, check=True, stdout=2)
    (lite / "pyodide-lock.json").write_text(json.dumps(lock(official, wheels)), "utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site")
