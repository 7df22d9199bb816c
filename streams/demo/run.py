"""The demonstration's run on this machine: all is started, the story is played, all is stopped again."""

import sys
from contextlib import ExitStack
from pathlib import Path

from streams.demo.announcing import Announcer
from streams.demo.ending import wait_for_journal, write_ending
from streams.demo.heard import Ear
from streams.demo.installation import demo_settings, installed
from streams.demo.local_world import ENVIRONMENT, NAMESPACE, LocalWorld
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


def plan_of(seconds: float) -> Plan:
    """Return the times that follow from the length of the baseline.

    >>> plan_of(26.0).watch_s, plan_of(10.0).watch_s
    (40.0, 36.0)
    """
    # Silence needs some ten looks to convict: what a pod may be late for is granted first.
    watch_s = max(float(round(1.5 * seconds + 1)), 12 * INTERVAL_SECONDS)
    return Plan(baseline_s=seconds, watch_s=watch_s, settle_s=max(seconds / 3, 6.0))


def run_demo(given: Settings, options: Options) -> int:
    """Run the demonstration; return the exit code: 0 when all happened as it should."""
    plan = plan_of(options.seconds)
    scene = Scene(phases(plan, options.fault))

    def body(session: Session, stack: ExitStack) -> Ending:
        return _play(session, stack, given, plan, options)

    return run_session(scene, plan, options, body)


def _play(session: Session, stack: ExitStack, given: Settings, plan: Plan, options: Options) -> Ending:
    scene, patience = session.scene, session.patience
    policy = policy_text(
        interval_s=INTERVAL_SECONDS,
        watch_s=plan.watch_s,
        kind="processes",
        namespace=NAMESPACE,
        environment=ENVIRONMENT,
    )
    settings = demo_settings(given, session.folder, policy)
    scene.begin(Act.START)
    scene.say(f"Kafka: {given.bootstrap}" if given.bootstrap else "Kafka: starting one for this run")
    session.refresh()
    settings = stack.enter_context(broker_for(settings, may_be_second_best=True))
    scene.say(f"Kafka at {settings.bootstrap}; Suture: judge, gate, executor, journal, gateway")
    session.refresh()
    suture = stack.enter_context(installed(settings))
    session.chores.append(suture.tree.tend)
    world = LocalWorld(
        settings.processes or Path(), f"http://{settings.listen}", Announcer(suture.environment)
    )
    stack.callback(world.stop)
    world.start()
    session.chores.append(world.check)
    scene.running = world.running
    suture.wait_until_ready(patience)
    ear = Ear(settings)
    stack.callback(ear.close)
    ear.start()
    session.chores.append(ear.check)
    world.deploy(FIRST, patience)
    traffic = Traffic(world.places, options.rate, scene.tally)
    stack.callback(traffic.close)
    traffic.start()
    ending = play(Stage(world=world, scene=scene, ear=ear, patience=patience), plan, options.fault)
    scene.begin(Act.ASK)
    wait_for_journal(settings.journal, ending, patience)
    scene.end()
    session.curtain()
    write_ending(ending, settings.journal, SERVICE, sys.stdout)
    return ending
