from epiplexity_jax.analysis.logs.layouts.own_tracker import named
from epiplexity_jax.analysis.logs.table import LogTable


def test_rows_of_record_points_have_the_name_of_their_run():
    table = LogTable.of_rows(
        [
            (1, {"id": "a1", "event": "start", "name": "text w16", "config": None}),
            (2, {"id": "a1", "event": "log", "step": 1, "online_loss_bits": 6.5}),
            (3, {"id": "b2", "event": "log", "step": 1, "online_loss_bits": 7.0}),
            (4, {"id": "s", "event": "log", "step": 9, "tokens_per_second": 5.0}),
            (5, {"id": "a1", "event": "end", "status": "finished"}),
        ]
    )
    found = named(table)
    assert found.columns["run"] == ["text w16", "b2"]
    assert found.columns["online_loss_bits"] == [6.5, 7.0]
    assert list(found.lines) == [2, 3]
    assert found.hints.kind == "means"


def test_another_table_stays_as_it_is():
    table = LogTable.of_rows([(1, {"id": 1, "step": 2, "loss": 3.0})])
    assert named(table) is table
