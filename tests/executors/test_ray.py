"""On Ray, nodes and all, jobs end as they do here; what Ray loses is begun again, a tree goes to a node once."""

import asyncio
import os
import time
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.executors import Arrived, Job, Lost, Needs, Over, open_executor
from assay.executors.ray_cluster import RayExecutor
from assay.executors.ray_parcels import Parcels
from assay.executors.shipping import unpack
from assay.executors.spread import here, spread_over
from assay.sandbox import trees
from tests.executors import jobs
from tests.executors.ray_nodes import NODES, three_nodes

pytest.importorskip("ray", reason="ray is not installed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three nodes of one core, and this driver connected to them."""
    import ray

    with three_nodes(tmp_path_factory.mktemp("nodes")) as made:
        ray.init(address=made.address, namespace="assay", log_to_driver=False)
        yield made
        ray.shutdown()


def events(plan, at_once=None):
    async def run():
        async with RayExecutor() as executor:
            return executor, [event async for event in executor.run(plan, at_once=at_once)]

    return asyncio.run(run())


def results(found):
    return [event.result for event in found if isinstance(event, Arrived)]


def test_it_says_what_the_cluster_is(cluster):
    executor, _ = events([])
    assert executor.name == "Ray: 3 nodes, 3 cores"


def test_each_job_gives_what_it_yields_and_says_when_it_is_over(cluster):
    plan = [Job(jobs.count, (10 * n, 10 * n + 3), about=n) for n in range(20)]
    _, found = events(plan)
    for job in plan:
        mine = [event for event in found if event.job.about == job.about]
        assert [event.result for event in mine[:-1]] == list(range(*job.arguments))
        assert isinstance(mine[-1], Over)


def test_a_failure_of_a_job_ends_all_and_is_the_same_error_here(cluster):
    with pytest.raises(ExceptionGroup) as caught:
        events([Job(jobs.refuse, ("mend it",)), *(Job(jobs.count, (0, 3)) for _ in range(4))])
    assert isinstance(caught.value.exceptions[0], UserError)
    assert str(caught.value.exceptions[0]) == "mend it"


def test_a_setting_is_opened_once_in_a_worker(cluster, tmp_path):
    plan = [Job(jobs.who, (n,), setting=jobs.Counted(str(tmp_path))) for n in range(30)]
    found = results(events(plan)[1])
    assert sorted(number for _, _, number in found) == list(range(30))
    assert all(opened == pid for opened, pid, _ in found)
    assert len(list(tmp_path.glob("opened*"))) == len({pid for _, pid, _ in found})


def test_a_tree_goes_to_each_node_once(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    text = os.urandom(1 << 20).hex()

    def build(folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "text").write_text(text)
        (folder / "link").symlink_to("deep/text")
        (folder / "run").write_text("#!/bin/sh\n")
        (folder / "run").chmod(0o755)
        os.link(folder / "run", folder / "again")

    trees.prepare("shipped", build)
    (tmp_path / "elsewhere").write_text("from outside")
    (trees.tree("shipped") / "outside").symlink_to(tmp_path / "elsewhere")
    executor, found = events([Job(jobs.look, ("shipped", "link"), trees=("shipped",)) for _ in range(30)])
    seen = results(found)
    assert {content for content, _, _ in seen} == {text}
    caches = {cache for _, _, cache in seen}
    assert str(tmp_path) not in caches
    assert executor.shipped == {"shipped": len(caches)}
    for cache in caches:
        place = Path(cache, "trees", "shipped")
        assert os.access(place / "run", os.X_OK)
        assert (place / "run").stat().st_ino == (place / "again").stat().st_ino
        assert (place / "link").is_symlink()
        assert not (place / "outside").is_symlink()
        assert (place / "outside").read_text() == "from outside"


def test_a_packed_tree_is_kept_while_a_job_wants_it_and_afterwards_only_so_many_bytes(cluster, tmp_path, monkeypatch):
    import ray

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    for name in ("one", "two"):
        trees.prepare(name, lambda folder: (folder / "noise").write_bytes(os.urandom(1 << 20)))

    async def run():
        parcels = Parcels(idle=(3 << 20) // 2)
        async with parcels.held(["one"]) as first, parcels.held(["one"]) as same:
            assert first == same
        async with parcels.held(["two"]) as second:
            assert unpacked(second["two"], tmp_path / "there") == (trees.tree("two") / "noise").read_bytes()
        async with parcels.held(["two"]) as again:
            kept = again == second
        async with parcels.held(["one"]) as again:
            return kept, again == first

    def unpacked(pieces, into):
        into.mkdir()
        unpack((ray.get(piece) for piece in pieces), into)
        return (into / "noise").read_bytes()

    assert asyncio.run(run()) == (True, False)  # two of them are too many, and `two` was wanted last


def test_a_worker_that_is_killed_is_replaced_and_its_job_begun_again(cluster, tmp_path):
    found = events([Job(jobs.die, (str(tmp_path), 2)), Job(jobs.count, (0, 1))])[1]
    assert sorted(results(found)) == [0, 3]


def test_a_job_that_kills_every_worker_is_lost_and_the_others_are_not(cluster, tmp_path):
    found = events([Job(jobs.die, (str(tmp_path), 99)), *(Job(jobs.count, (0, 2)) for _ in range(3))])[1]
    assert [type(event) for event in found].count(Lost) == 1
    assert sorted(results(found)) == [0, 0, 0, 1, 1, 1]


def test_jobs_under_way_are_killed_when_nobody_wants_them(cluster, tmp_path):
    async def run():
        plan = [Job(jobs.endless, (str(tmp_path),))]
        async with RayExecutor() as executor, aclosing(executor.run(plan)) as found:
            assert (await anext(found)).result == "begun"

    asyncio.run(run())
    (pid,) = (int(path.name) for path in tmp_path.iterdir())
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


def test_no_node_runs_more_at_once_than_its_cores(cluster, tmp_path):
    plan = [Job(jobs.who, (n,), needs=Needs(cpus=1.0), setting=jobs.Counted(str(tmp_path))) for n in range(12)]
    assert len({pid for _, pid, _ in results(events(plan)[1])}) <= NODES + 1  # a worker may be replaced


def test_a_cluster_that_is_not_there_is_the_users_to_mend(tmp_path):
    import subprocess
    import sys

    code = (
        "import asyncio\nfrom assay.executors import open_executor\n"
        "async def main():\n    async with open_executor('ray:127.0.0.1:1'):\n        pass\n"
        "try:\n    asyncio.run(main())\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.startswith("UserError no Ray cluster could be used at 127.0.0.1:1"), done


def test_the_word_names_the_cluster():
    assert open_executor("ray").address is None
    assert open_executor("ray:10.0.0.1:6379").address == "10.0.0.1:6379"


def test_jobs_ask_an_object_of_the_driver(cluster):
    async def run():
        async with RayExecutor() as executor, executor.serving(jobs.Numbers(12)) as asked:
            return [event.result async for event in executor.run([Job(jobs.ask, (asked,)) for _ in range(15)])
                    if isinstance(event, Arrived)]  # fmt: skip

    found = asyncio.run(run())
    assert sorted(number for number in found if isinstance(number, int)) == [2 * n + 1 for n in range(1, 13)]
    assert [str(error) for error in found if isinstance(error, UserError)] == ["no more"] * 3


def test_calls_spread_over_a_cluster_return_what_they_return_here(cluster):
    calls = [partial(divmod, n, 7) for n in range(20)]
    assert spread_over("ray")(calls) == here(calls)


def test_a_job_that_begins_anew_otherwise_gives_all_that_its_last_try_gives(cluster, tmp_path):
    found = events([Job(jobs.differently, (str(tmp_path),))])[1]
    assert results(found)[-1] == "the result"


def test_a_job_that_no_node_can_hold_is_the_users_to_mend(cluster):
    with pytest.raises(ExceptionGroup) as caught:
        events([Job(jobs.count, (0, 1), needs=Needs(memory_mb=1 << 30))])
    assert "the largest node of the cluster has" in str(caught.value.exceptions[0])
