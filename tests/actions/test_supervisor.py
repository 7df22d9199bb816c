import os
import signal
import urllib.request
from pathlib import Path

import psutil

from actions.process_files import ProcessTemplate, Workload
from tests.actions.local_processes import SupervisorProgram, eventually, is_alive, ready, serving


def deployed(supervisor: SupervisorProgram, replicas: int = 2) -> Workload:
    workload = Workload(supervisor.root, "shop", "cart")
    workload.deploy(workload.register_template(serving("v1")), replicas)
    eventually(lambda: len(ready(workload)) == replicas)
    return workload


def test_instances_start_get_ready_and_know_their_names(supervisor: SupervisorProgram) -> None:
    workload = deployed(supervisor)
    for instance in ready(workload):
        with urllib.request.urlopen(f"http://127.0.0.1:{instance.port}/", timeout=5) as response:
            assert response.read().decode() == instance.pod
    names = sorted(one.pod for one in ready(workload))
    template = serving("v1").hash
    assert names == [f"cart-{template}-0", f"cart-{template}-1"]


def test_a_killed_instance_comes_back_under_its_name(supervisor: SupervisorProgram) -> None:
    workload = deployed(supervisor)
    victim = ready(workload)[0]
    os.kill(victim.pid, signal.SIGKILL)
    back = eventually(lambda: [one for one in ready(workload) if one.pod == victim.pod and one.restarts == 1])
    assert back[0].pid != victim.pid


def test_a_program_that_ends_at_once_is_tried_again_later_each_time(supervisor: SupervisorProgram) -> None:
    workload = Workload(supervisor.root, "shop", "broken")
    workload.deploy(workload.register_template(ProcessTemplate(argv=("/bin/false",))), 1)
    log = eventually(lambda: list((workload.folder / "logs").glob("*.log")))
    eventually(lambda: (seen := workload.observed()) and seen.instances and seen.instances[0].restarts >= 2)
    assert log
    assert ready(workload) == ()


def test_an_instance_that_answers_503_is_not_ready(supervisor: SupervisorProgram) -> None:
    workload = Workload(supervisor.root, "shop", "sick")
    workload.deploy(workload.register_template(serving("v1", healthy=False)), 1)

    def answers() -> bool:
        seen = workload.observed()
        if not seen or not seen.instances:
            return False
        return bool(psutil.Process(seen.instances[0].pid).net_connections(kind="tcp"))

    eventually(answers)
    assert ready(workload) == ()


def test_a_canary_takes_its_share_of_the_instances(supervisor: SupervisorProgram) -> None:
    workload = deployed(supervisor, replicas=3)
    canary = workload.register_template(serving("v2"))
    workload.deploy_canary(canary, 1)
    eventually(lambda: sorted(one.template == canary for one in ready(workload)) == [False, False, True])


def test_a_termination_ends_every_instance(supervisor: SupervisorProgram) -> None:
    workload = deployed(supervisor)
    pids = [one.pid for one in ready(workload)]
    assert supervisor.stop() == 0
    assert not any(is_alive(pid) for pid in pids)
    seen = workload.observed()
    assert seen is not None
    assert seen.instances == ()


def test_a_killed_supervisor_leaves_no_orphans_and_the_next_one_goes_on(
    supervisor: SupervisorProgram,
) -> None:
    workload = deployed(supervisor)
    before = [one.pid for one in ready(workload)]
    supervisor.stop(signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in before))
    supervisor.start()
    eventually(lambda: len([one for one in ready(workload) if one.pid not in before]) == 2)


def test_a_second_supervisor_of_the_same_folder_is_refused(supervisor: SupervisorProgram) -> None:
    deployed(supervisor, replicas=1)
    second = SupervisorProgram(supervisor.root)
    second.start()
    assert second.process is not None
    assert second.process.wait(timeout=30) == 1


def test_a_broken_desired_file_ends_nothing_and_is_said(supervisor: SupervisorProgram) -> None:
    workload = deployed(supervisor)
    before = [one.pid for one in ready(workload)]
    whole = (workload.folder / "desired.json").read_bytes()
    (workload.folder / "desired.json").write_bytes(b"{")
    eventually(lambda: (seen := workload.observed()) and "cannot be followed" in seen.problem)
    (workload.folder / "desired.json").write_bytes(whole)
    eventually(lambda: (seen := workload.observed()) and seen.problem == "")
    assert [one.pid for one in ready(workload)] == before


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    for name in ("..", "a/b", ""):
        try:
            Workload(tmp_path, "shop", name)
        except ValueError:
            continue
        raise AssertionError(name)
