"""`suture act` and `suture rbac` as far as they need no Kafka: rehearsals, refusals and the role's text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from schemas.errors import SettingsError
from schemas.releases import TargetKind
from streams.cli import app
from streams.target_text import read_target
from tests.actions.object_server import ObjectServer, objects_served

CONFIG = "/api/v1/namespaces/shop/configmaps/settings"
RUN = ["run-script", "clear-cache", "--for=deployment:default/shop/web", "--environment=prod"]
SET = ["set-config", "configmap:default/shop/settings", "size", "2", "--environment=prod"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """An API server that KUBECONFIG names."""
    state = ObjectServer()
    metadata = {"name": "settings", "namespace": "shop", "uid": "u", "resourceVersion": "3"}
    state.objects[CONFIG] = {"metadata": metadata, "data": {"size": "1"}}
    with objects_served(state) as address:
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": address}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(kubeconfig))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        for name in ("SUTURE_CLUSTERS", "SUTURE_KEYS", "KAFKA_BOOTSTRAP"):
            monkeypatch.delenv(name, raising=False)
        yield state


def act(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["act", *arguments])


def test_a_dry_run_says_what_would_change_and_changes_nothing(server: ObjectServer) -> None:
    done = act(*SET, "--dry-run", "--json")
    assert (done.exit_code, json.loads(done.stdout)["would_change"]) == (0, True), done.output
    assert server.objects[CONFIG]["data"] == {"size": "1"}
    assert server.writes()[0]["query"]["dryRun"] == "All"
    server.objects[CONFIG]["data"]["size"] = "2"
    assert act(*SET, "--dry-run").stdout.startswith("nothing to change: ")


def test_a_dry_run_that_would_be_refused_ends_as_the_order_would(server: ObjectServer) -> None:
    server.objects[CONFIG]["immutable"] = True
    done = act(*SET, "--dry-run", "--json")
    assert done.exit_code == 3
    assert "it is immutable" in json.loads(done.stdout)["detail"]
    del server.objects[CONFIG]
    assert act(*SET, "--dry-run").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (SET, "KAFKA_BOOTSTRAP is not set"),
        ([*SET[:1], "configmap:moon/shop/settings", *SET[2:], "--dry-run"], "KUBECONFIG's is called default"),
        (["restart", "web", "--environment=prod"], "expected KIND:CLUSTER/NAMESPACE/WORKLOAD"),
        (["restart", "deployment:default/shop/web", "--environment=a/b"], "holds a slash"),
        (["restart", "deployment:default/shop/web", "--environment=p", "--timeout=soon"], "--timeout"),
        (
            ["restart", "deployment:default/shop/web", "--environment=p", "--timeout=30h"],
            "expected 0 to 86400",
        ),
        (["scale", "deployment:a/b/c", "--environment=p", "--replicas=0"], "expected 1 to 20"),
        (["restart", "processes:default/shop/web", "--environment=p", "--dry-run"], "local processes"),
        ([*RUN, "--arg=region"], "--arg is 'region', expected NAME=VALUE"),
        ([*RUN, "--arg=a=1", "--arg=a=2"], "each name once"),
        ([*RUN, "--arg=a b=1"], "an argument is named by"),
        (["run-script", "../x", *RUN[2:]], "a runbook's name has"),
        (RUN, "KAFKA_BOOTSTRAP is not set"),
        ([*RUN, "--arg=a=1=2", "--dry-run"], "KAFKA_BOOTSTRAP is not set"),
    ],
)
def test_what_cannot_be_ordered_is_said(server: ObjectServer, arguments: list[str], words: str) -> None:
    done = act(*arguments)
    assert isinstance(done.exception, SettingsError)
    assert words in str(done.exception)
    assert server.requests == []


def test_every_command_has_the_options_that_all_share() -> None:
    for command in ("undo", "restart", "run-job", "set-config", "run-ansible", "call-http", "run-pipeline"):
        shown = CliRunner().invoke(app, ["act", command, "--help"], env={"COLUMNS": "200"}).stdout
        has_template = command in ("undo", "restart")
        shared = ("--environment", "--service", "--timeout", "--by", "--dry-run", "--yes", "--json")
        assert all(option in shown for option in shared), command
        assert ("--expect" in shown) == has_template, command
        assert ("--arg" in shown) == (command in ("run-ansible", "call-http", "run-pipeline")), command


def test_what_a_rollout_waits_at_is_looked_up_unless_it_is_named(server: ObjectServer) -> None:
    path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"
    status = {"observedGeneration": "1", "currentPodHash": "new", "stableRS": "old", "currentStepIndex": 1}
    server.objects[path] = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "3", "generation": 1},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}},
        },
        "status": {**status, "pauseConditions": [{"reason": "CanaryPauseStep"}], "controllerPause": True},
    }
    place = ["rollout:default/shop/web", "--environment=prod", "--dry-run"]
    assert "template new promoted past step 1" in act("promote", *place).stdout
    assert "template new promoted in full" in act("promote-full", *place).stdout
    assert "update to template new aborted" in act("abort", *place).stdout
    assert "shop/web: " in act("retry", *place).stdout
    early = act("promote", *place, "--template=new", "--step=2")
    assert (early.exit_code, "not at step 2 yet" in early.stdout) == (3, True)
    stale = act("promote-full", *place, "--template=older")
    assert (stale.exit_code, "template new is asked for by now" in stale.stdout) == (3, True)
    wrong = act("promote", "deployment:default/shop/web", "--environment=prod", "--dry-run")
    assert "KIND rollout" in str(wrong.exception)


def test_the_role_is_valid_and_holds_only_what_is_asked_for() -> None:
    printed = CliRunner().invoke(
        app, ["rbac", "--namespace=shop", "--verbs=delete-pod", "--kinds=statefulset"]
    )
    account, role, binding = yaml.safe_load_all(printed.stdout)
    assert [one["kind"] for one in (account, role, binding)] == [
        "ServiceAccount",
        "Role",
        "RoleBinding",
    ]
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "delete"]},
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]},
    ]
    everything = CliRunner().invoke(app, ["rbac", "--namespace=shop", "--kinds=deployment"])
    assert "deployments/scale" in everything.stdout
    assert "configmaps" not in everything.stdout
    watching = list(
        yaml.safe_load_all(CliRunner().invoke(app, ["rbac", "--namespace=shop", "--watch"]).stdout)
    )
    assert {verb for rule in watching[1]["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {one for rule in watching[1]["rules"] for one in rule["resources"]} == {
        *("pods", "replicasets", "deployments", "statefulsets", "daemonsets", "rollouts", "jobs", "cronjobs")
    }
    wrong = CliRunner().invoke(app, ["rbac", "--namespace=shop", "--verbs=explode"])
    assert "--verbs has 'explode'" in str(wrong.exception)


def test_a_target_is_read_only_in_a_kind_that_makes_sense() -> None:
    with pytest.raises(SettingsError, match="KIND deployment"):
        read_target("configmap:a/b/c", [TargetKind.DEPLOYMENT])


def test_the_kill_file_is_written_and_removed_without_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("SUTURE_KILL_FILE", str(tmp_path / "kill-switch"))
    on = CliRunner().invoke(app, ["kill-switch", "--here", "--by=ann", "--why=the database is moving"])
    assert on.exit_code == 0, on.output
    assert (tmp_path / "kill-switch").read_text().startswith("the database is moving (ann, ")
    off = CliRunner().invoke(app, ["kill-switch", "--here", "--off"])
    assert (off.exit_code, (tmp_path / "kill-switch").exists()) == (0, False)
    for arguments in ([], ["prod", "--here"]):
        wrong = CliRunner().invoke(app, ["kill-switch", *arguments])
        assert "expected an environment, or --here" in str(wrong.exception)
