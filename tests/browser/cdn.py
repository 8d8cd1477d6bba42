"""What a machine without a network can serve in place of Pyodide's CDN: its core from npm, pure wheels from PyPI.

NumPy, matplotlib, ml_dtypes and their kin exist for the browser on that CDN alone. Asked for them, the answer
is 404, and the page sees what a reader sees whose network is gone.
"""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tools import lite

PURE = ("-py3-none-any.whl", "-py2.py3-none-any.whl")


def closure(packages, names):
    """These packages and all beneath them, as far as the lock has them."""
    found, asked = {}, [name.replace("_", "-").lower() for name in names]
    while asked:
        name = asked.pop()
        if name not in found:
            found[name] = packages[name]
            asked += [one.replace("_", "-").lower() for one in packages[name]["depends"]]
    return found


def download(packages, folder):
    """The pure ones among these, in the lock's versions: name -> wheel."""
    on_cdn = {name: one for name, one in packages.items() if one["file_name"].startswith(lite.CDN)}
    pure = {name: one for name, one in on_cdn.items() if one["file_name"].endswith(PURE)}
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    wanted = [f"{name}=={one['version']}" for name, one in pure.items()]
    python = ["--python-version", "3.14", "--platform", "any", "--implementation", "py", "--abi", "none"]
    subprocess.run([*command, *python, "--dest", str(folder), *wanted], check=True)
    names = {path.name.split("-")[0].replace("_", "-").lower(): path for path in folder.glob("*.whl")}
    return {name: names[name] for name in pure}


class Stand:
    """Answers what a page asks of the CDN, and counts the bytes."""

    def __init__(self, site, folder, names):
        self.core, self.site = lite.pyodide_core(lite.ROOT / "build"), site
        self.lock = json.loads((site / "lite" / "pyodide-lock.json").read_text("utf-8"))
        self.wheels = {}
        for name, wheel in download(closure(self.lock["packages"], names), folder).items():
            package = self.lock["packages"][name]
            self.wheels[package["file_name"].removeprefix(lite.CDN)] = wheel
            package["sha256"] = sha256(
                wheel.read_bytes()
            ).hexdigest()  # the CDN's wheels are builds of their own
        self.refused = []

    def install(self, context):
        context.route("**/pyodide-lock.json*", lambda route: route.fulfill(json=self.lock))
        context.route(f"{lite.CDN}**", self.answer)

    def answer(self, route):
        name = route.request.url.removeprefix(lite.CDN).split("?")[0]
        path = self.wheels.get(name, self.core / name)
        if not Path(path).exists():
            self.refused.append(name)
            return route.fulfill(status=404)
        kinds = {".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}
        return route.fulfill(
            body=Path(path).read_bytes(),
            content_type=kinds.get(Path(path).suffix, "application/octet-stream"),
            headers={"Access-Control-Allow-Origin": "*"},
        )
