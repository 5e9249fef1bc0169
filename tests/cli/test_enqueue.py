"""``zoldyq enqueue``."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.runner import Terminal, in_shell, start, zoldyq
from tests.helpers import wait_until


def taken(queue, count: int = 10) -> list[bytes]:
    return [message.raw for message in queue.dequeue_many(count)]


def test_one_message_is_queued_as_it_is_written(server, queue):
    done = zoldyq(server.url, "enqueue", queue.name, '{"n": 12345678901234567890123}')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"queued; 1 message in {queue.name}\n"
    assert taken(queue) == [b'{"n": 12345678901234567890123}']


def test_json_for_scripts(server, queue):
    done = zoldyq(server.url, "enqueue", queue.name, "1", "--json")
    receipt = json.loads(done.stdout)
    assert (receipt["queue_name"], receipt["queue_size"]) == (queue.name, 1)
    done = zoldyq(server.url, "enqueue", queue.name, "--json", stdin="1\n2\n")
    assert json.loads(done.stdout) == {"queue_name": queue.name, "count": 2, "dropped": 0}


@pytest.mark.parametrize("argument", [(), ("-",)])
def test_lines_come_from_standard_input(server, queue, argument):
    done = zoldyq(server.url, "enqueue", queue.name, *argument, stdin='1.10\n\n {"a":1} \n"last"')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"queued 3 messages in {queue.name}\n"
    assert taken(queue) == [b"1.10", b'{"a":1}', b'"last"']


def test_texts_are_put_in_quotation_marks(server, queue):
    zoldyq(server.url, "enqueue", queue.name, "--text", 'say "hello"')
    zoldyq(server.url, "enqueue", queue.name, "--text", stdin="{not json\n")
    assert [json.loads(raw) for raw in taken(queue)] == ['say "hello"', "{not json"]


def test_lines_of_text_keep_their_indentation_and_blank_lines(server, queue):
    lines = "def f():\r\n\n    return 1  \n\t\nlast"
    done = zoldyq(server.url, "enqueue", queue.name, "--text", stdin=lines)
    assert done.stdout == f"queued 5 messages in {queue.name}\n"
    assert [json.loads(raw) for raw in taken(queue)] == [
        "def f():",
        "",
        "    return 1  ",
        "\t",
        "last",
    ]


def test_a_line_of_text_that_is_not_utf8_is_told_by_its_number(server, queue):
    script = rf"printf 'a\nb\xff\nc\n' | zoldyq enqueue {queue.name} --text"
    done = in_shell(server.url, script)
    assert done.returncode == 1
    assert b"zoldyq: line 2: byte 1 is not UTF-8 text" in done.stderr
    assert taken(queue) == [b'"a"']


def test_a_template_is_sent_as_often_as_asked_for(server, queue):
    done = zoldyq(
        server.url, "enqueue", queue.name, '{"n": {{n}}, "id": "{{ uuid }}"}', "--count", "3"
    )
    assert (done.returncode, done.stdout) == (0, f"queued 3 messages in {queue.name}\n")
    messages = [json.loads(raw) for raw in taken(queue)]
    assert [message["n"] for message in messages] == [1, 2, 3]
    assert len({message["id"] for message in messages}) == 3


def test_braces_mean_nothing_without_a_count(server, queue):
    zoldyq(server.url, "enqueue", queue.name, '"{{n}}"')
    assert taken(queue) == [b'"{{n}}"']


def test_messages_of_a_size(server, queue):
    done = zoldyq(server.url, "enqueue", queue.name, "--count", "3", "--size", "1Ki")
    assert done.returncode == 0
    assert [len(raw) for raw in taken(queue)] == [1024, 1024, 1024]
    assert zoldyq(server.url, "enqueue", queue.name, "--size", "10").returncode == 0
    assert taken(queue) == [b'"xxxxxxxx"']


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("{{when}}", "--count", "1"), "known are {{n}}"),
        (("--count", "3"), "give one, or --size"),
        (("-", "--count", "3"), "give one, or --size"),
        (("1", "--size", "10"), "without JSON"),
        (("--size", "1"), "bytes from 2 to 1GiB"),
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(server, queue, args, told):
    done = zoldyq(server.url, "enqueue", queue.name, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_line_is_there_before_the_next_is_typed(server, queue):
    process = start(server.url, "enqueue", queue.name)
    process.stdin.write("1\n")
    process.stdin.flush()
    assert queue.dequeue(timeout=20).payload == 1
    process.communicate("2\n", timeout=20)
    assert process.returncode == 0
    assert queue.dequeue().payload == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_lines_so_far_and_tells_how_many(server, queue, number, code):
    process = start(server.url, "enqueue", queue.name)
    process.stdin.write("1\n2\n")
    process.stdin.flush()
    # The second line has been read as well.
    assert [queue.dequeue(timeout=20).payload for _ in range(2)] == [1, 2]
    process.send_signal(number)
    told = f"zoldyq: interrupted; 2 messages queued in {queue.name}\n"
    assert process.communicate(timeout=20) == ("", told)
    assert process.returncode == code


def test_an_argument_that_is_no_json_is_wrong_usage(server, queue):
    done = zoldyq(server.url, "enqueue", queue.name, "hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--text" in done.stderr
    assert taken(queue) == []


def test_a_bad_line_is_told_by_its_number_and_those_before_it_are_queued(server, queue):
    done = zoldyq(server.url, "enqueue", queue.name, stdin="1\n\n2\n{bad\n3\n")
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first == "zoldyq: 2 messages queued before this:"
    assert second.startswith("zoldyq: line 4: ")
    assert taken(queue) == [b"1", b"2"]


def test_a_full_queue_is_told_with_how_many_got_in(server, queue):
    queue.create(2_000)
    lines = "".join(f"{number}\n" for number in range(5_000))
    done = zoldyq(server.url, "enqueue", queue.name, "--timeout", "0", stdin=lines)
    assert done.returncode == 1
    size = queue.stats().size
    assert 0 < size <= 2_000
    first, second = done.stderr.splitlines()
    assert first == f"zoldyq: {size:,} messages queued before this:"
    assert "full" in second


def test_a_full_queue_refuses_one_message(server, queue):
    queue.create(1)
    queue.enqueue(1)
    done = zoldyq(server.url, "enqueue", queue.name, "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("zoldyq: ")
    assert done.stderr.count("\n") == 1


def test_a_terminal_shows_how_far_it_is(server, queue):
    with Terminal(server.url, "enqueue", queue.name) as terminal:
        terminal.wait_for("Ctrl-D ends")
        for _ in range(2):
            terminal.type("1\n")
            assert queue.dequeue(timeout=20).payload == 1
        wait_until(lambda: "/s)" in (terminal.type("1\n") or terminal.text))
        terminal.type("\x04")
        assert terminal.exit_code() == 0
        assert "queued" in terminal.text


def test_what_had_to_go_for_many_lines_is_told_at_the_end(server, queue):
    queue.declare(capacity=2, overflow="drop_oldest")
    done = zoldyq(server.url, "enqueue", queue.name, "-", stdin="1\n2\n3\n4\n5\n")
    # How many go out together depends on the machine; what is left of them does not.
    assert done.stdout == f"queued 5 messages in {queue.name}; 3 messages dropped for them\n"
    done = zoldyq(server.url, "enqueue", "--json", queue.name, "-", stdin="6\n")
    assert json.loads(done.stdout) == {"queue_name": queue.name, "count": 1, "dropped": 1}
