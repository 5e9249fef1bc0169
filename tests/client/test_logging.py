"""Log records through a queue: what a message holds, and no end in itself."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.client.children import in_child
from tests.helpers import Task, run_all
from zoldyq.client import Client, RemoteQueue
from zoldyq.client.logging import QueueHandler


@pytest.fixture
def handler(queue: RemoteQueue) -> Iterator[QueueHandler]:
    """A handler that sends to the queue."""
    made = QueueHandler(queue, max_delay=0.01)
    yield made
    made.close()


@pytest.fixture
def logger(handler: QueueHandler) -> logging.Logger:
    """A logger with this handler alone."""
    return logger_of("app.web", handler)


def logger_of(name: str, handler: logging.Handler) -> logging.Logger:
    made = logging.Logger(name)  # noqa: LOG001 - beside the tree, so that no other handler hears it
    made.addHandler(handler)
    return made


def sent(queue: RemoteQueue) -> list[dict[str, object]]:
    return [message.payload for message in queue.dequeue_many(10_000)]


def test_a_record_becomes_a_message(queue, handler, logger):
    before = time.time()
    logger.warning("%d items", 3, extra={"user": "ann", "where": object})
    handler.flush()
    (message,) = sent(queue)
    assert before <= message.pop("time") <= time.time()
    assert message.pop("process") > 0
    assert message == {
        "level": "WARNING",
        "logger": "app.web",
        "message": "3 items",
        "thread": threading.current_thread().name,
        "user": "ann",
        "where": "<class 'object'>",
    }


def test_an_exception_is_told_with_its_traceback(queue, handler, logger):
    try:
        raise KeyError("lost")
    except KeyError:
        logger.exception("failed")
    handler.flush()
    (message,) = sent(queue)
    assert message["message"] == "failed"
    assert "KeyError: 'lost'" in message["exception"]


def test_filters_and_levels_hold(queue, handler, logger):
    handler.setLevel("INFO")
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.debug("below the level")
    logger.info("a secret")
    logger.info("this")
    handler.flush()
    assert [message["message"] for message in sent(queue)] == ["this"]


def test_a_record_that_cannot_be_formatted_is_the_loggers_affair(queue, handler, logger, capsys):
    logger.info("%d items", "three")
    logger.info("fine")
    handler.flush()
    assert [message["message"] for message in sent(queue)] == ["fine"]
    assert "TypeError" in capsys.readouterr().err


def test_threads_log_at_the_same_time(queue, handler, logger):
    run_all([lambda: [logger.info("x") for _ in range(200)]] * 4)
    handler.flush()
    assert len(sent(queue)) == 800


def test_a_full_buffer_holds_up_no_thread_that_logs():
    nowhere = Client("http://127.0.0.1:1").queue("a")
    handler = QueueHandler(nowhere, buffer_messages=10, close_timeout=0.1)
    logger = logger_of("app", handler)
    Task(lambda: [logger.info("x") for _ in range(1_000)]).result(10)
    assert handler.producer.stats().dropped >= 900
    handler.close()


def test_a_producer_of_the_program_is_flushed_and_not_closed(queue):
    with queue.producer(max_delay=60) as producer:
        handler = QueueHandler(producer)
        logger_of("app", handler).info("one")
        handler.flush()
        handler.close()
        producer.send("two")
    assert [message.raw[:6] for message in queue.dequeue_many(9)] == [b'{"time', b'"two"']


def test_children_log_as_well(queue, handler, logger):
    logger.info("parent")
    for _ in range(3):
        in_child(lambda: (logger.info("child"), handler.close()))
    handler.flush()
    messages = sent(queue)
    assert sorted(str(message["message"]) for message in messages) == ["child"] * 3 + ["parent"]
    assert len({message["process"] for message in messages}) == 4


PROGRAM = """
import logging, logging.config, sys
from zoldyq import Client
from zoldyq.client.logging import QueueHandler

url, name, way = sys.argv[1:]
if way == "config":
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"queue": {"class": "zoldyq.client.logging.QueueHandler", "queue": name}},
        "root": {"level": "DEBUG", "handlers": ["queue"]},
    })
else:
    logging.basicConfig(level="DEBUG", handlers=[QueueHandler(Client(url).queue(name))])
for number in range(100):
    logging.info("record %d", number)
"""


def run_program(url: str, name: str, way: str = "code") -> str:
    """Run a program that logs everything, also what libraries say; return its stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, name, way],
        check=False,
        capture_output=True,
        text=True,
        timeout=40,
        env={"ZOLDYQ_URL": url},
    )
    assert done.returncode == 0
    return done.stderr


@pytest.mark.parametrize("way", ["code", "config"])
def test_with_the_root_at_debug_each_record_is_sent_once_and_the_program_ends(client, queue, way):
    assert run_program(client.url, queue.name, way) == ""
    messages = sent(queue)
    assert [message["message"] for message in messages] == [f"record {n}" for n in range(100)]
    assert queue.stats().enqueued_total == 100


def test_a_program_whose_server_is_away_ends_and_says_what_was_not_sent():
    said = run_program("http://127.0.0.1:1", "logs")
    assert re.search("100 messages were not sent: .*Connection refused", said)


def test_what_a_stream_says_of_itself_is_not_sent(queue, handler):
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    try:
        for number in range(50):
            logging.getLogger("app").info("record %d", number)
            handler.flush()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    names = {json.loads(message.raw)["logger"] for message in queue.dequeue_many(1_000)}
    assert names == {"app"}
    assert queue.stats().enqueued_total == 50
