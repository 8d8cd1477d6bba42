"""How `make lab` starts JupyterLab: on lesson 00, on PORT if set, without a browser for BROWSER=none."""

import os

FIRST = "notebooks/00_can_four_numbers_break_a_classifier.ipynb"

c = get_config()  # noqa: F821 - JupyterLab defines it
c.LabApp.default_url = f"/lab/tree/{FIRST}"
c.LabServerApp.open_browser = c.ServerApp.open_browser = os.environ.get("BROWSER") != "none"
# In a container the user is often root, which Jupyter refuses unless told.
c.ServerApp.allow_root = hasattr(os, "geteuid") and os.geteuid() == 0
if "PORT" in os.environ:
    c.ServerApp.port = int(os.environ["PORT"])
    c.ServerApp.port_retries = 0
