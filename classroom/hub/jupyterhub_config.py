"""A JupyterHub for one class on one machine: real accounts, nbgrader's exchange, idle servers are stopped.

    sudo .venv-classroom/bin/python -m jupyterhub --config classroom/hub/jupyterhub_config.py

Settings are environment variables, so that this file stays as it is:

    HUB_PLACE     state, exchange and settings of the hub     /srv/softmax-hub
    HUB_URL       where it listens                            http://127.0.0.1:8000
    HUB_TEACHER   the account of the teacher                  none
    HUB_IDLE      seconds until an idle server is stopped     3600
    HUB_MEMORY    bytes that one process of a student may ask for    4000000000

A class reaches it through a web server with TLS in front of HUB_URL. Students log in with their account on this machine
(PAM). See README.md beside this file.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from classroom import node
from classroom.hub import place

c = get_config()  # noqa: F821 - jupyterhub gives it

PLACE = Path(os.environ.get("HUB_PLACE", "/srv/softmax-hub"))
TEACHER = os.environ.get("HUB_TEACHER", "")
IDLE = int(os.environ.get("HUB_IDLE", "3600"))
os.umask(0o077)  # the hub's database and log are for the administrator
place.prepare(PLACE)

# --- the hub -------------------------------------------------------------------------------------------------

c.JupyterHub.bind_url = os.environ.get("HUB_URL", "http://127.0.0.1:8000")
c.JupyterHub.db_url = f"sqlite:///{PLACE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(PLACE / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(PLACE / "proxy.pid")
c.ConfigurableHTTPProxy.command = [
    shutil.which("node") or "node",
    str(node.package("configurable-http-proxy") / "bin" / "configurable-http-proxy"),
]
c.JupyterHub.cleanup_servers = True
c.JupyterHub.concurrent_spawn_limit = 4  # two cores start a few at a time; the others wait their turn
c.JupyterHub.active_server_limit = 80

# --- who may come in -----------------------------------------------------------------------------------------

c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allow_all = (
    True  # every account of this machine; name a group with c.PAMAuthenticator.allowed_groups
)
c.Authenticator.blocked_users = {"root"}
c.Authenticator.admin_users = {TEACHER} if TEACHER else set()

# --- a student's server --------------------------------------------------------------------------------------

c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = [sys.executable, str(HERE / "start_server.py")]
c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=1800",
    "--MappingKernelManager.cull_interval=120",
    "--ServerApp.terminals_enabled=False",
]
c.Spawner.default_url = "/lab"
c.Spawner.notebook_dir = "~"
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 120
c.Spawner.environment = {
    "JUPYTER_CONFIG_PATH": str(PLACE / "students"),
    "HUB_MEMORY": os.environ.get("HUB_MEMORY", "4000000000"),
    "OMP_NUM_THREADS": "1",  # a class of 30 kernels does not want 30 times all cores
    "OPENBLAS_NUM_THREADS": "1",
}

# --- idle servers are stopped --------------------------------------------------------------------------------

c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *(sys.executable, "-m", "jupyterhub_idle_culler"),
            f"--timeout={IDLE}",
            f"--cull-every={max(5, IDLE // 10)}",
        ],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
