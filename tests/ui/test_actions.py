"""The buttons of the dashboard do what they say, and say it when that was not possible."""

from __future__ import annotations

import json

from selenium.webdriver import Keys

from tests.contract.raw import Api
from tests.helpers import wait_until
from tests.ui.dashboard import Dashboard

#: What an encoder would write in another way.
ODD = b'{"id":12345678901234567890123,"price":1.10,"id":2,"none":{},"list":[1,[]]}'


class TestSend:
    def test_a_message_gets_into_the_queue_as_it_was_typed(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        dashboard.send("emails", ODD.decode())
        dashboard.wait_for_text("#send .result", "emails now holds 1 message.")
        dashboard.wait_for_row("emails", size="1")
        taken = api.get("/queues/emails/dequeue", accept="application/x-ndjson")
        assert taken.body == ODD + b"\n"

    def test_the_button_of_a_queue_knows_its_name(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1)
        dashboard.wait_for_row("emails")
        dashboard.act("Send", "emails")
        dashboard.click("#send [type=submit]")
        dashboard.wait_for_text("#send .result", "emails now holds 2 messages.")
        dashboard.click("#send [data-close]")
        assert not dashboard.sees("#send")

    def test_what_is_no_json_is_not_sent(self, dashboard: Dashboard, api: Api) -> None:
        dashboard.send("emails", '1, "payloads": [2]')
        dashboard.wait_for_text("#send .problem", "no JSON")
        assert api.get("/health").json()["total_queues"] == 0

    def test_a_refusal_is_shown_in_the_words_of_the_server(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        dashboard.send("no good name", "1")
        dashboard.wait_for_text("#send .problem", "begins with a letter or digit")
        api.put("/queues/small", {"capacity": 1})
        api.enqueue("small", 1)
        dashboard.type("#send [name=queue]", "small")
        dashboard.click("#send [type=submit]")
        refusal = api.post("/queues/small/enqueue", {"payload": 2}).json()
        dashboard.wait_for_text("#send .problem", refusal["message"][1:])
        dashboard.wait_for_row("small", full="2")


class TestPeek:
    def test_the_oldest_messages_are_shown_as_they_were_sent(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        api.post("/queues/emails/enqueue", b'{"payload":%b}' % ODD)
        api.enqueue("emails", "<img src=x onerror=alert(1)>", 'a "quoted", [text]', *range(20))
        dashboard.wait_for_row("emails", size="23")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "10 of 23 messages")
        first, second, third, *_ = payloads(dashboard)
        assert first.replace(" ", "").replace("\n", "") == ODD.decode()
        assert '\n  "price": 1.10,\n' in first
        assert second == '"<img src=x onerror=alert(1)>"'
        assert json.loads(third) == 'a "quoted", [text]'
        assert not dashboard.run("return document.querySelector('#peek img')")
        assert api.stats("emails")["size"] == 23

    def test_more_are_shown_when_asked_for(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", *range(20))
        dashboard.wait_for_row("emails")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "10 of 20 messages")
        dashboard.find("#peek select").send_keys("50")
        dashboard.click("#peek [type=submit]")
        dashboard.wait_for_text("#peek .result", "20 of 20 messages")
        assert payloads(dashboard) == [str(number) for number in range(20)]

    def test_what_would_hide_or_reorder_text_is_written_out(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        hidden = ["\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\u2028", "\x9b"]
        joined = "\N{MAN}\u200d\N{MICROSCOPE}"  # one emoji
        body = f'{{"payload":"invoice{"".join(hidden)}gpj.exe {joined}"}}'
        api.post("/queues/emails/enqueue", body.encode())
        dashboard.wait_for_row("emails")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "1 of 1")
        codes = "".join(f"U+{ord(character):04X}" for character in hidden)
        assert payloads(dashboard) == [f'"invoice{codes}gpj.exe {joined}"']

    def test_a_message_says_its_number_age_and_size_in_bytes(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        long = json.dumps("\N{EURO SIGN}" * 30_000, ensure_ascii=False).encode()
        api.post("/queues/emails/enqueue", b'{"payloads":[1,%b]}' % long)
        dashboard.wait_for_row("emails")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "2 of 2")
        first, second = dashboard.run(
            "return [...document.querySelectorAll('#peek li p')].map((p) => p.innerText)"
        )
        assert first.startswith("#1")
        assert " old" in first
        assert "1 byte" in first
        assert "87.9 KiB" in second
        assert "(cut: 87.9 KiB in all)" in payloads(dashboard)[1]
        dashboard.click("#peek [data-expand]:not([hidden])")
        assert payloads(dashboard)[1] == long.decode()

    def test_a_message_is_copied_as_it_was_sent(self, dashboard: Dashboard, api: Api) -> None:
        api.post("/queues/emails/enqueue", b'{"payload":%b}' % ODD)
        dashboard.wait_for_row("emails")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "1 of 1")
        dashboard.click("#peek [data-copy]")
        dashboard.wait_for_text("#peek [data-copy]", "Copied")
        dashboard.click("#peek [data-close]")
        dashboard.find("#search").send_keys(Keys.CONTROL, "v")
        assert dashboard.find("#search").get_attribute("value") == ODD.decode()

    def test_a_queue_that_has_gone_is_said_so(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1)
        dashboard.wait_for_row("emails")
        dashboard.act("Peek", "emails")
        dashboard.wait_for_text("#peek .result", "1 of 1 message,")
        api.delete("/queues/emails")
        dashboard.click("#peek [type=submit]")
        refusal = api.get("/queues/emails/peek").json()
        dashboard.wait_for_text("#peek .problem", refusal["message"][1:])


def test_messages_are_moved_to_another_queue(dashboard: Dashboard, api: Api) -> None:
    api.enqueue("failed", 1, 2, 3)
    dashboard.wait_for_row("failed")
    dashboard.act("Move", "failed")
    dashboard.type("#move [name=to]", "again")
    dashboard.type("#move [name=count]", "2")
    dashboard.click("#move [type=submit]")
    dashboard.wait_for_text("#move .result", "Moved 2 messages to again; 1 left in failed.")
    dashboard.wait_for_row("again", size="2")
    dashboard.type("#move [name=to]", "failed")
    dashboard.click("#move [type=submit]")
    dashboard.wait_for_text("#move .problem", "another queue")
    assert api.drain("again") == [1, 2]


class TestPurgeAndDelete:
    def test_a_purge_is_confirmed_and_then_done(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1, 2, 3)
        dashboard.wait_for_row("emails", size="3")
        dashboard.act("Purge", "emails")
        assert "emails" in dashboard.text("#confirm h2")
        assert "3 messages will be lost" in dashboard.text("#confirm p")
        dashboard.click("#confirm [value=yes]")
        dashboard.wait_for_text("#notice", "Purged 3 messages of emails.")
        dashboard.wait_for_row("emails", size="0")

    def test_a_deletion_is_confirmed_and_then_done(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1)
        dashboard.wait_for_row("emails")
        dashboard.act("Delete", "emails")
        assert "emails" in dashboard.text("#confirm h2")
        dashboard.click("#confirm [value=yes]")
        dashboard.wait_for_text("#notice", "Deleted emails with 1 message.")
        wait_until(lambda: dashboard.rows == [])
        assert api.stats("emails") == {}

    def test_nothing_happens_without_a_yes(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1)
        dashboard.wait_for_row("emails")
        dashboard.act("Delete", "emails")
        dashboard.click("#confirm [data-close]")
        dashboard.act("Purge", "emails")
        dashboard.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        wait_until(lambda: not dashboard.sees("#confirm"))
        assert api.stats("emails")["size"] == 1

    def test_a_refusal_is_shown_until_it_is_dismissed(self, dashboard: Dashboard, api: Api) -> None:
        api.enqueue("emails", 1)
        dashboard.wait_for_row("emails")
        dashboard.act("Purge", "emails")
        api.delete("/queues/emails")
        dashboard.click("#confirm [value=yes]")
        refusal = api.post("/queues/emails/purge").json()
        dashboard.wait_for_text("#alert", refusal["message"][1:])
        dashboard.click("#alert button")
        assert not dashboard.sees("#alert")


def payloads(dashboard: Dashboard) -> list[str]:
    """The payloads that are shown."""
    script = "return [...document.querySelectorAll('#peek pre')].map((pre) => pre.textContent)"
    return list(dashboard.run(script))
