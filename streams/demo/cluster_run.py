"""The demonstration's run on Kubernetes: real pods, the documented collector, an undo by template hash."""

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from streams.demo import dev_parts
from streams.demo.announcing import Announcer
from streams.demo.cluster_world import ClusterWorld
from streams.demo.collecting import collecting
from streams.demo.ending import wait_for_journal, write_ending
from streams.demo.heard import Ear
from streams.demo.installation import demo_settings, installed
from streams.demo.kubectl import Kubectl
from streams.demo.manifests import ENVIRONMENT, MIN_READY_SECONDS, NAMESPACE, PODS
from streams.demo.policies import policy_text
from streams.demo.scene import Act, Scene
from streams.demo.session import Options, Session, run_session
from streams.demo.shop import SERVICE
from streams.demo.stage import Stage
from streams.demo.story import FIRST, Ending, Plan, phases, play
from streams.demo.traffic import Traffic
from streams.local_broker import broker_for
from streams.settings import Settings

INTERVAL_SECONDS = 3.0
ROUTE = "/"


def plan_of(seconds: float) -> Plan:
    """Return the times that follow from the length of the baseline."""
    # Pods take some seconds to come and to go, and a rollout is no quicker than its pods one by one.
    watch_s = max(float(round(1.5 * seconds + 6)), 14 * INTERVAL_SECONDS)
    rollout_s = PODS * (MIN_READY_SECONDS + 5.0)
    return Plan(
        baseline_s=seconds,
        watch_s=watch_s,
        settle_s=max(seconds / 3, 6.0),
        slack_s=rollout_s + 30.0,
        good_s=max(watch_s, rollout_s),
        start_s=60.0,
        undo_s=25.0,
        recovery_s=75.0,
    )


def run_cluster_demo(given: Settings, options: Options) -> int:
    """Run the demonstration on a cluster; return the exit code: 0 when all happened as it should."""
    sys.stdout.write("Kubernetes and the collector: the first run ever builds them, about ten minutes\n")
    sys.stdout.flush()
    dev_parts.fetched("cluster")
    program = dev_parts.fetched("collector") / "otelcol"
    plan = plan_of(options.seconds)
    scene = Scene(phases(plan, options.fault, promotes=False))

    def body(session: Session, stack: ExitStack) -> Ending:
        return _play(session, stack, given, program, plan, options)

    return run_session(scene, plan, options, body)


def _play(
    session: Session, stack: ExitStack, given: Settings, program: Path, plan: Plan, options: Options
) -> Ending:
    scene, patience = session.scene, session.patience
    policy = policy_text(
        interval_s=INTERVAL_SECONDS,
        watch_s=plan.watch_s,
        kind="deployment",
        namespace=NAMESPACE,
        environment=ENVIRONMENT,
    )
    settings = replace(demo_settings(given, session.folder, policy), processes=None)
    scene.begin(Act.START)
    scene.say("Kubernetes: starting a cluster of one node, up to two minutes")
    session.refresh()
    cluster = stack.enter_context(dev_parts.running("cluster", f"demo-{os.getpid()}"))
    kubeconfig = Path(cluster["kubeconfig"])
    scene.say(f"Kubernetes at {cluster['server']}")
    session.refresh()
    settings = stack.enter_context(broker_for(settings))
    scene.say(f"Kafka at {settings.bootstrap}; Suture: judge, gate, executor, journal, gateway")
    session.refresh()
    os.environ["KUBECONFIG"] = str(kubeconfig)  # the executor's way to the cluster
    suture = stack.enter_context(installed(settings))
    session.chores.append(suture.tree.tend)
    kubectl = Kubectl(kubeconfig, session.folder / "kubectl-proxy.log")
    stack.callback(kubectl.stop)
    kubectl.start()
    world = ClusterWorld(kubectl, Announcer(suture.environment))
    scene.running = world.running
    world.deploy(FIRST, patience)
    session.chores.append(stack.enter_context(collecting(program, settings, kubeconfig)))
    suture.wait_until_ready(patience)
    ear = Ear(settings)
    stack.callback(ear.close)
    ear.start()
    session.chores.append(ear.check)
    traffic = Traffic(world.places, options.rate, scene.tally, ROUTE)
    stack.callback(traffic.close)
    traffic.start()
    for version, template in world.templates().items():
        scene.say(f"{version} has template hash {template}, which its pods' labels tell")
    stage = Stage(world=world, scene=scene, ear=ear, patience=patience, promotes=False)
    ending = play(stage, plan, options.fault)
    scene.begin(Act.ASK)
    wait_for_journal(settings.journal, ending, patience)
    scene.end()
    session.curtain()
    sys.stdout.write(f"\nDeployment {NAMESPACE}/{SERVICE} asks for version {world.asked_for()}; pods:\n")
    for version, template in world.templates().items():
        sys.stdout.write(f"  {version}: template hash {template}\n")
    write_ending(ending, settings.journal, SERVICE, sys.stdout)
    return ending
