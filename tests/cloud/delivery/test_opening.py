"""Workers of a process that delivers for every store."""

from pathlib import Path

from aircue_cloud import stores
from aircue_cloud.config import Config
from aircue_cloud.delivery.opening import Workers


def test_a_store_that_is_added_gets_its_worker_once(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), delivery={"webhook": {}})
    workers = Workers(config)
    try:
        assert workers.take_up() == ["main"]
        stores.add(config, "second")
        assert workers.take_up() == ["second"]
        assert workers.take_up() == []
    finally:
        workers.stop()
