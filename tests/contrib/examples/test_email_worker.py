"""The worker that sends e-mails."""

from __future__ import annotations

import re

from tests.contrib.examples.conftest import Run
from tests.contrib.examples.smtp import mail_server
from tests.helpers import wait_until
from zoldyq.client import Client


def email(to: str) -> dict[str, str]:
    return {"to": to, "subject": "Welcome", "text": "Hello!"}


def test_it_sends_what_comes_in_order(own_client: Client, run_example: Run) -> None:
    emails = own_client.queue("emails")
    emails.enqueue(email("first@example.com"))
    with mail_server() as mail:
        worker = run_example("email_worker.py", "--smtp", mail.address)
        wait_until(lambda: len(mail.emails) == 1)
        emails.enqueue_many([email("second@example.com"), email("third@example.com")])
        wait_until(lambda: len(mail.emails) == 3)
        assert worker.stop() == 0
    assert [re.findall("^To: (.*)$", each, re.MULTILINE) for each in mail.emails] == [
        ["first@example.com"],
        ["second@example.com"],
        ["third@example.com"],
    ]
    assert "Subject: Welcome" in mail.emails[0]
    assert mail.emails[0].endswith("\nHello!")


def test_one_that_is_refused_is_tried_again(own_client: Client, run_example: Run) -> None:
    own_client.queue("emails").enqueue(email("busy@example.com"))
    with mail_server(refusals=2) as mail:
        worker = run_example("email_worker.py", "--smtp", mail.address)
        wait_until(lambda: len(mail.emails) == 1)
        assert worker.stop() == 0
    assert "emails.failed" not in own_client.queues()


def test_what_cannot_be_sent_is_kept(own_client: Client, run_example: Run) -> None:
    forged = email("a@example.com\nBcc: everybody@example.com")
    own_client.queue("emails").enqueue_many([email("gone@example.com"), {"to": "half"}, 7, forged])
    with mail_server(refusals=3) as mail:
        worker = run_example("email_worker.py", "--smtp", mail.address)
        failed = own_client.queue("emails.failed")
        wait_until(lambda: "emails.failed" in own_client.queues() and failed.stats().size == 4)
        assert worker.stop() == 0
    assert mail.emails == []
    assert [message.payload for message in failed.dequeue_many(10)] == [
        {"to": "half"},
        7,
        forged,
        {**email("gone@example.com"), "attempts": 3},
    ]


def test_without_a_mail_server_it_prints(own_client: Client, run_example: Run) -> None:
    worker = run_example("email_worker.py")
    own_client.queue("emails").enqueue(email("user@example.com"))
    worker.wait_for(worker.out, re.compile(r"To: user@example\.com\nSubject: Welcome"))
    assert worker.stop() == 0
