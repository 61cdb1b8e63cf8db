"""Tasks of a cluster: nodes that differ from where the sweep was started are refused."""

import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sweep.wave import Wave
from tests.unit.sweep.plans import plan_of


@pytest.fixture
def ray_worker(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from epiplexity_jax.executors import ray_worker

    return ray_worker


def test_resources_are_described(ray_worker):
    assert str(ray_worker.TaskResources(2, True, False)) == "2 CPU cores"
    assert str(ray_worker.TaskResources(1, False, False)) == "1 GPUs"


def test_a_node_with_another_version_is_refused(ray_worker):
    with pytest.raises(ConfigError, match="was started by 0.0.0; install one version everywhere"):
        ray_worker.look(ray_worker.TaskResources(1, True, False, "0.0.0"))


def test_a_node_with_other_data_is_refused(ray_worker):
    plan = plan_of()
    wave = Wave((plan.runs[1].run_id, plan.runs[0].run_id), 8)
    assert ray_worker._runs(plan, wave) == [plan.runs[1], plan.runs[0]]
    with pytest.raises(DataError, match="is not what it is where the sweep was started"):
        ray_worker._runs(plan, Wave(("another",), 8))


class Actor:
    """Stands for the actor's handle; remembers reports, and answers whether to stop."""

    def __init__(self, answer):
        self.reports, self.messages, self.answer = [], [], answer
        self.report, self.message = Remote(self._report), Remote(self.messages.append)

    def _report(self, *of):
        self.reports.append(of)
        return self.answer


class Remote:
    def __init__(self, call):
        self.remote = call


def test_progress_is_reported_to_the_last_step_and_the_answer_stops(ray_worker, monkeypatch):
    monkeypatch.setattr(ray_worker.ray, "get", lambda value: value)
    actor = Actor(answer=True)
    with ray_worker._Watch(actor, 3) as watch:
        watch.advance(2, 20, {"a": 1.0})
        watch.advance(1, 10, {"a": 0.5})
        watch.message("a sentence")
    assert actor.reports[-1] == (3, 3, 30, {"a": 0.5})
    assert actor.messages == ["a sentence"]
    assert watch.stops()
