"""The values for Kubernetes: what they make of a student's pod, rendered without a cluster."""

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("kubespawner", reason="runs in .venv-classroom: make classroom-tests")

import yaml
from kubernetes_asyncio.config import kube_config
from kubespawner import KubeSpawner
from traitlets.config import Config

HUB = Path(__file__).resolve().parents[2] / "classroom" / "hub"
VALUES = yaml.safe_load((HUB / "values.yaml").read_text())
# What the chart makes of singleuser.*: the trait of KubeSpawner that each value sets.
TRAITS = {
    "cmd": ("cmd",),
    "default_url": ("defaultUrl",),
    "start_timeout": ("startTimeout",),
    "mem_guarantee": ("memory", "guarantee"),
    "mem_limit": ("memory", "limit"),
    "cpu_guarantee": ("cpu", "guarantee"),
    "cpu_limit": ("cpu", "limit"),
    "environment": ("extraEnv",),
    "storage_capacity": ("storage", "capacity"),
}


def value(path):
    found = VALUES["singleuser"]
    for part in path:
        found = found[part]
    return found


NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster that is only a name: KubeSpawner wants one before it renders, and asks it nothing."""
    file = tmp_path_factory.mktemp("kube") / "config"
    file.write_text(NOWHERE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        yield file


@pytest.fixture(scope="module")
def pod(cluster):
    config = Config()
    for trait, path in TRAITS.items():
        config.KubeSpawner[trait] = value(path)
    image = value(("image",))
    config.KubeSpawner.image = f"{image['name']}:{image['tag']}"
    config.KubeSpawner.volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-ada"}}]
    config.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": value(("storage", "homeMountPath"))}]

    async def rendered():
        return await KubeSpawner(config=config, _mock=True).get_pod_manifest()

    return asyncio.run(rendered())


def test_a_pod_has_the_limits_that_were_measured(pod):
    asked = pod.spec.containers[0].resources
    assert asked.requests["memory"] == 400 * 2**20
    assert asked.limits["memory"] == 2**30
    assert (asked.requests["cpu"], asked.limits["cpu"]) == (0.05, 1)


def test_a_pod_runs_the_courses_image_and_its_start(pod):
    (container,) = pod.spec.containers
    assert container.image == "registry.example.org/ORG/softmax-course:0.1.0"
    script = Path(container.args[1])
    assert container.args[0] == "python"
    assert (HUB / script.name).exists()
    assert f'CMD ["python", "{script}"]' in (HUB / "Dockerfile").read_text()


def test_a_pod_has_a_home_of_its_own_and_no_rights_over_the_cluster(pod):
    (mount,) = pod.spec.containers[0].volume_mounts
    assert mount.mount_path == "/home/jovyan"
    assert pod.spec.automount_service_account_token is False
    assert pod.spec.containers[0].security_context["allowPrivilegeEscalation"] is False


def test_idle_servers_are_stopped_and_the_network_is_closed():
    assert VALUES["cull"]["enabled"]
    assert VALUES["cull"]["timeout"] <= 3600
    policy = VALUES["singleuser"]["networkPolicy"]
    assert policy["enabled"]
    assert not any(
        policy["egressAllowRules"][way] for way in ("nonPrivateIPs", "privateIPs", "cloudMetadataServer")
    )


def test_no_secret_stands_in_the_values():
    text = (HUB / "values.yaml").read_text()
    assert "client_secret" not in VALUES["hub"]["config"]["GenericOAuthenticator"]
    assert "password" not in text.lower()
