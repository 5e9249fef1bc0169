#!/usr/bin/env python3
"""Send the e-mails of a queue, one after the other.

    python contrib/examples/email_worker.py --smtp localhost:25
    curl http://localhost:9000/queues/emails/enqueue \
      -d '{"payload": {"to": "user@example.com", "subject": "Welcome", "text": "Hello!"}}'

Without --smtp they are printed. One that cannot be sent is tried three times in all, each time
after what else is in the queue, and then kept in the queue emails.failed. Ctrl-C or SIGTERM ends
the worker after the e-mail that it is about; start several to send more at a time.

The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import signal
import smtplib
import socket
import sys
import threading
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from zoldyq import Client
from zoldyq.client import Message, ServerUnreachable

ATTEMPTS = 3
#: How long one request waits for an e-mail, and so how long the end of the worker may take.
POLL_SECONDS = 2

Send = Callable[[EmailMessage], None]


def email_of(payload: dict[str, Any], sender: str) -> EmailMessage:
    """Write the e-mail; raises KeyError, TypeError or ValueError for a payload that is none."""
    email = EmailMessage()
    email["From"] = sender
    email["To"] = payload["to"]
    email["Subject"] = payload["subject"]
    email.set_content(payload["text"])
    return email


def smtp_sender(address: str) -> Send:
    """Send over the mail server at ``host:port``."""
    host, _, port = address.rpartition(":")

    def send(email: EmailMessage) -> None:
        # Else smtplib looks this machine's name up, which takes long where there is no DNS.
        with smtplib.SMTP(host, int(port), socket.gethostname(), timeout=30) as connection:
            connection.send_message(email)

    return send


def show(email: EmailMessage) -> None:
    """Stand in for a mail server."""
    print(f"{email}\n", flush=True)


class Worker:
    """Takes e-mails from a queue and gives them to ``send``."""

    def __init__(self, client: Client, name: str, sender: str, send: Send) -> None:
        self._emails = client.queue(name)
        self._failed = client.queue(f"{name}.failed")
        self._sender = sender
        self._send = send

    def handle_next(self) -> None:
        """Wait a moment for an e-mail, and send it if one came."""
        message = self._emails.dequeue(timeout=POLL_SECONDS)
        if message is not None:
            self._handle(message)

    def _handle(self, message: Message) -> None:
        try:
            email = email_of(message.payload, self._sender)
        except (KeyError, TypeError, ValueError) as error:
            print(f"not an e-mail ({error!r}): {message.raw!r}", file=sys.stderr)
            self._failed.enqueue_raw(message.raw, timeout=30)
            return
        try:
            self._send(email)
        except (OSError, smtplib.SMTPException) as error:
            self._try_again(message.payload, error)

    def _try_again(self, payload: dict[str, Any], error: Exception) -> None:
        attempts = payload.get("attempts", 0) + 1
        print(f"attempt {attempts} for {payload['to']} failed: {error}", file=sys.stderr)
        queue = self._emails if attempts < ATTEMPTS else self._failed
        queue.enqueue({**payload, "attempts": attempts}, timeout=30)


def main() -> int:
    """Work until told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queue", default="emails", help="where the e-mails are")
    parser.add_argument("--smtp", metavar="HOST:PORT", help="the mail server")
    parser.add_argument("--sender", default="zoldyq@localhost", help="who the e-mails are from")
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    url = os.environ.get("ZOLDYQ_URL", "http://localhost:9000")
    send = smtp_sender(options.smtp) if options.smtp else show
    with Client(url, token=os.environ.get("ZOLDYQ_TOKEN")) as client:
        worker = Worker(client, options.queue, options.sender, send)
        while not stopping.is_set():
            try:
                worker.handle_next()
            except ServerUnreachable as error:
                print(error, file=sys.stderr)
                stopping.wait(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
