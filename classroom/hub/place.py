"""The folder of a hub: its state for itself, the exchange for everybody, the students' settings to be read."""

import json
from pathlib import Path

COURSE_ID = "softmax"
ONLY_FOR_TEACHERS = ("formgrader", "course_list", "create_assignment")

STUDENT_CONFIG = """c = get_config()
c.CourseDirectory.course_id = {course_id!r}
c.Exchange.root = {exchange!r}
c.ExchangeSubmit.strict = True
"""


def prepare(place: Path) -> None:
    """Make what is missing; what is there keeps its contents and gets its permissions back."""
    for folder, mode in ((place, 0o711), (place / "exchange", 0o777), (place / "students", 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    config = STUDENT_CONFIG.format(course_id=COURSE_ID, exchange=str(place / "exchange"))
    _write(place / "students" / "nbgrader_config.py", config)
    disabled = {f"@jupyter/nbgrader:{part.replace('_', '-')}": True for part in ONLY_FOR_TEACHERS}
    disabled["@jupyterlab/apputils-extension:announcements"] = True
    _write(
        place / "students" / "labconfig" / "page_config.json",
        json.dumps({"disabledExtensions": disabled}, indent=1),
    )
    servers = {f"nbgrader.server_extensions.{part}": False for part in ONLY_FOR_TEACHERS}
    _write(
        place / "students" / "jupyter_server_config.json",
        json.dumps({"ServerApp": {"jpserver_extensions": servers}}, indent=1),
    )


def _write(file: Path, content: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.parent.chmod(0o755)
    file.write_text(content)
    file.chmod(0o644)
