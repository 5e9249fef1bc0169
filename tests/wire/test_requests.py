from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoldyq import wire
from zoldyq.contract.errors import (
    InvalidCount,
    InvalidJson,
    InvalidPolicy,
    InvalidTimeout,
    InvalidTtl,
    MissingPayload,
    UnknownField,
    UnknownParameter,
    ZoldyQError,
)
from zoldyq.queue import Delivery, Message
from zoldyq.wire import NDJSON

VERBATIM = [
    b"null",
    b"true",
    b'""',
    b"0",
    b"-0",
    b"1.10",
    b"1e400",
    b"12345678901234567890123",
    b"9" * 5_000,
    b"-1e-999999",
    b"0.1000000000000000055511151231257827",
    b'{"a":1,"a":2}',
    b'{"b":1,"a":2}',
    b"{}",
    b"[]",
    b'[ 1 ,\t2 , {"a" : null } ]',
    b'"\\u00e9\\n\\/\\ud83d\\ude00"',
    '"é😀\u2028"'.encode(),
    b'"\x7f"',
    b"[" * 300 + b"]" * 300,
]

NOT_JSON = [
    b"",
    b" ",
    b"x",
    b"{",
    b"tru",
    b"01",
    b"+1",
    b".5",
    b"1.",
    b"NaN",
    b"Infinity",
    b"'a'",
    b'"a',
    b'"\t"',
    b'"\\x"',
    b"[1,]",
    b'{"a":1,}',
    b'{"a"}',
    b"{1:2}",
    b"1 2",
    b"/* */ 1",
    b"\xef\xbb\xbf1",
    b"\x00",
]

NOT_UTF8 = [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf5\x80\x80\x80"']


class TestEnqueueBody:
    @pytest.mark.parametrize("payload", VERBATIM)
    def test_a_payload_is_kept_verbatim(self, payload: bytes) -> None:
        assert wire.parse_enqueue(b'{"payload":%b}' % payload) == ((payload,), False)
        assert wire.parse_enqueue(b' { "payload" :\n%b\t} ' % payload) == ((payload,), False)

    def test_a_batch_is_kept_verbatim(self) -> None:
        body = b'{"payloads": [ %b ]}' % b" ,\n".join(VERBATIM)
        assert wire.parse_enqueue(body) == (VERBATIM, True)

    def test_a_batch_of_one_is_a_batch(self) -> None:
        assert wire.parse_enqueue(b'{"payloads":[1]}') == ([b"1"], True)

    def test_a_body_may_be_a_buffer_that_is_used_again(self) -> None:
        body = bytearray(b'{"payload":"abc"}')
        payloads, _ = wire.parse_enqueue(body)
        body[:] = b"x" * len(body)
        assert payloads == (b'"abc"',)

    @pytest.mark.parametrize("text", NOT_JSON)
    def test_what_is_not_json_is_refused(self, text: bytes) -> None:
        for body in (b'{"payload":%b}' % text, b'{"payloads":[%b]}' % text):
            if body == b'{"payloads":[%b]}' % text and not text.strip():
                continue  # an empty batch, and good JSON
            with pytest.raises(InvalidJson):
                wire.parse_enqueue(body)

    @pytest.mark.parametrize("text", NOT_UTF8)
    def test_what_is_not_utf8_is_refused_where_it_breaks(self, text: bytes) -> None:
        for prefix in (b'{"payload":', b'{"payloads":["ok",'):
            with pytest.raises(InvalidJson) as refusal:
                wire.parse_enqueue(prefix + text + b"]}")
            assert refusal.value.details == {"offset": len(prefix) + 1}

    @pytest.mark.parametrize(
        ("body", "offset"),
        [
            (b"", 0),
            (b"x", 0),
            (b'{"payload":', 11),
            (b'{"payload":tru}', 12),
            (b'{"payload":1} x', 15),
            (b'{"payloads":[1,2,}', 17),
            ('{"payload":"é",'.encode() + b"}", 16),
        ],
    )
    def test_the_offset_of_the_fault_is_told(self, body: bytes, offset: int) -> None:
        with pytest.raises(InvalidJson) as refusal:
            wire.parse_enqueue(body)
        assert abs(int(str(refusal.value.details["offset"])) - offset) <= 1

    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b"[]",
            b"1",
            b'"payload"',
            b"null",
            b'[{"payload":1}]',
            b'{"payloads":[]}',
            b'{"payloads":1}',
            b'{"payloads":null}',
            b'{"payloads":{"0":1}}',
        ],
    )
    def test_json_without_a_payload(self, body: bytes) -> None:
        with pytest.raises(MissingPayload):
            wire.parse_enqueue(body)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"payload":1,"x":2}', "x"),
            (b'{"Payload":1}', "Payload"),
            (b'{"payload":1,"a`b\\n":2}', "a`b\n"),
            (b'{"payload":1,"":2}', ""),
            (b'{"payload":1,"payloads":[2]}', "payload"),
        ],
    )
    def test_an_unknown_field_is_named(self, body: bytes, field: str) -> None:
        with pytest.raises(UnknownField) as refusal:
            wire.parse_enqueue(body)
        assert refusal.value.details == {"field": field}

    @pytest.mark.parametrize(
        "body",
        [
            b'{"payload":1,"payload":2}',
            b'{"payload":1,"payload":1}',
            b'{"payload":"","payload":"%b"}' % (b"x" * 1_000),
            b'{"payload":"%b","payload":0}' % (b"x" * 1_000),
            b' {\n"payload" : {"payload":1} ,\n"payload" : 2\n}\n',
            b'{"p\\u0061yload":1,"payload":2}',
            b'{"payload":1,"p\\u0061yload":2}',
            b'{"payload":1,"payload":2,"payload":3}',
            b'{"payloads":[],"payloads":[1]}',
            b'{"payloads":[1,2,3],"payloads":[4]}',
            b'{"payloads":[4],"payloads":[4]}',
            b'{"payloads": [1, 2], "payloads": [1, 2]}',
            b'{"payloads":[1,2,3],"p\\u0061yloads":[%b]}' % b", ".join([b"4"] * 100),
            b'{"payloads":["]}"],"payloads":[%b]}' % b",\n".join([b"4"] * 100),
        ],
    )
    def test_a_key_that_is_there_twice_is_refused(self, body: bytes) -> None:
        for each in (body, bytearray(body)):
            with pytest.raises(UnknownField, match="twice") as refusal:
                wire.parse_enqueue(each)
            assert refusal.value.details["field"] in ("payload", "payloads")

    @pytest.mark.parametrize(
        ("body", "payloads"),
        [
            (b'{"p\\u0061yload":1}', [b"1"]),
            (b"\n" * 50 + b'{ "payload" :\t{"payload":1,"payload":2}   }' + b" " * 50, None),
            (b'{ "payloads" : [ %b ] }' % b" ,\n".join([b"[4]"] * 50), [b"[4]"] * 50),
            (b'{"payloads": [%b]}' % b", ".join([b'"]}"'] * 50), [b'"]}"'] * 50),
            (b'{"payloads": [%b]}' % b", ".join([b'"payloads"'] * 50), [b'"payloads"'] * 50),
            (b'{"p\\u0061yloads": [%b]}' % b", ".join([b"1"] * 50), [b"1"] * 50),
        ],
    )
    def test_a_key_that_is_there_once_may_be_written_in_any_way(
        self, body: bytes, payloads: list[bytes] | None
    ) -> None:
        for each in (body, bytearray(body)):
            parsed, _ = wire.parse_enqueue(each)
            assert list(parsed) == (payloads or [b'{"payload":1,"payload":2}'])

    def test_a_huge_field_name_is_not_sent_back(self) -> None:
        with pytest.raises(UnknownField) as refusal:
            wire.parse_enqueue(b'{"%b":1}' % (b"x" * 100_000))
        assert len(wire.error_reply(refusal.value).body) < 1_000

    @pytest.mark.parametrize("closing", [b"", b"]" * 100_000 + b"}"])
    def test_deep_nesting_is_refused(self, closing: bytes) -> None:
        with pytest.raises(InvalidJson):
            wire.parse_enqueue(b'{"payload":' + b"[" * 100_000 + closing)

    @given(st.binary() | st.text().map(str.encode))
    def test_no_body_does_worse_than_be_refused(self, body: bytes) -> None:
        for parse in (wire.parse_enqueue, wire.parse_ndjson, wire.parse_policy):
            reply = None
            try:
                parse(body)
            except ZoldyQError as error:
                reply = wire.error_reply(error)
            assert reply is None or b'"error"' in reply.body

    @pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
    def test_no_depth_of_nesting_does_worse_than_be_refused(self, begin: str, end: str) -> None:
        # Each decoder has a limit of its own, and these are about 1000.
        for depth in range(900, 1_100):
            body = f'{{"payload":{begin * depth}1{end * depth}}}'.encode()
            for parse in (wire.parse_enqueue, wire.parse_ndjson, wire.parse_policy):
                with contextlib.suppress(ZoldyQError):
                    parse(body)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
    def test_any_value_passes_through_verbatim(self, value: object) -> None:
        payload = msgspec.json.encode(value)
        payloads, _ = wire.parse_enqueue(b'{"payload": %b }' % payload)
        delivery = Delivery([Message(payloads[0], 1)], 0)
        body = wire.delivery_reply("q", delivery, False, None).body
        assert body.startswith(b'{"payload":' + payload + b',"queue_name":"q"')
        assert wire.delivery_reply("q", delivery, True, NDJSON).body == payload + b"\n"


class TestNdjsonBody:
    @pytest.mark.parametrize(
        "body",
        [
            b"1\n[2, 3]\n",
            b"1\n[2, 3]",
            b"1\r\n[2, 3]\r\n",
            b"\n1\n\n\n[2, 3]\n\n",
            b"1\n \n[2, 3]\n ",
            b"1\n\t\n[2, 3]\n\t",
            b" 1 \n\t[2, 3]\t\n",
            b"\r\n1\r\n\r\n[2, 3]\r\n",
        ],
    )
    def test_one_payload_a_line_blank_lines_aside(self, body: bytes) -> None:
        assert wire.parse_ndjson(body) == ([b"1", b"[2, 3]"], True)

    def test_payloads_are_kept_verbatim(self) -> None:
        assert wire.parse_ndjson(b"\n".join(VERBATIM)) == (VERBATIM, True)

    @pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\t\n"])
    def test_there_has_to_be_a_line(self, body: bytes) -> None:
        with pytest.raises(MissingPayload):
            wire.parse_ndjson(body)

    @pytest.mark.parametrize(
        ("body", "offset"),
        [
            (b"1\n2 3\n4", 2),
            (b"1\n\n2 3", 3),
            (b'"a""b"', 0),
            (b"1\n[2,\n3]\n4", 2),
            (b"[1,\n2] 3", 0),
            (b"1\r2", 0),
            (b"1\n2 3\n[4,\n5]", 2),
        ],
    )
    def test_neither_more_nor_less_than_one_a_line(self, body: bytes, offset: int) -> None:
        with pytest.raises(InvalidJson) as refusal:
            wire.parse_ndjson(body)
        assert refusal.value.details == {"offset": offset}

    @pytest.mark.parametrize(
        ("body", "offset"), [(b"1\nx\n", 2), (b"1\n\n{]}", 4), (b"1,2", 1), (b'1\n"\xff"', 3)]
    )
    def test_the_offset_counts_from_the_start_of_the_body(self, body: bytes, offset: int) -> None:
        with pytest.raises(InvalidJson) as refusal:
            wire.parse_ndjson(body)
        assert refusal.value.details == {"offset": offset}

    @pytest.mark.parametrize("text", [text for text in NOT_JSON if text.strip()])
    def test_what_is_not_json_is_refused(self, text: bytes) -> None:
        with pytest.raises(InvalidJson):
            wire.parse_ndjson(b"1\n" + text + b"\n2\n")

    def test_deep_nesting_is_refused(self) -> None:
        with pytest.raises(InvalidJson):
            wire.parse_ndjson(b"1\n" + b"[" * 100_000)

    @given(
        st.lists(st.sampled_from([b"1", b'"a b"', b"[1, 2]", b"{}"]), min_size=1),
        st.lists(st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \n", b"\n\t\n", b" \n"])),
    )
    def test_any_mix_of_line_ends(self, payloads: list[bytes], ends: list[bytes]) -> None:
        ends += [b"\n"] * len(payloads)
        body = b"".join(map(bytes.__add__, payloads, ends))
        assert wire.parse_ndjson(body) == (payloads, True)


class TestPolicy:
    def test_fields_are_returned_as_they_are(self) -> None:
        fields = wire.parse_policy(b' {"capacity": 1000, "ttl_seconds": null, "overflow": "a:b"} ')
        assert fields == {"capacity": 1000, "ttl_seconds": None, "overflow": "a:b"}
        assert wire.parse_policy(b"{}") == {}

    @pytest.mark.parametrize(
        ("body", "refusal"),
        [
            (b"5", InvalidPolicy),
            (b"[]", InvalidPolicy),
            (b"", InvalidJson),
            (b'{"capacity":1', InvalidJson),
            (b'{"capacity":1,"\xff":2}', InvalidJson),
            (b'{"capacity":1,"capacity":2}', UnknownField),
        ],
    )
    def test_other_bodies_are_refused(self, body: bytes, refusal: type[ZoldyQError]) -> None:
        with pytest.raises(refusal):
            wire.parse_policy(body)


class TestTtl:
    @pytest.mark.parametrize(
        ("text", "ttl"),
        [("60", 60_000_000), ("0.5", 500_000), ("1e-9", 1), ("2678400", 2_678_400_000_000)],
    )
    def test_is_given_in_seconds_and_kept_in_microseconds(self, text: str, ttl: int) -> None:
        assert wire.parse_ttl(text) == ttl

    def test_none_is_none(self) -> None:
        assert wire.parse_ttl(None) is None

    def test_messages_share_the_number(self) -> None:
        assert wire.parse_ttl("1234.5") is wire.parse_ttl("1234.5")

    @pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "x", "2678401", "1 "])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidTtl) as refusal:
            wire.parse_ttl(text)
        assert refusal.value.details == {"minimum": 0, "maximum": 2_678_400}


class TestFlowControl:
    @pytest.mark.parametrize("credit", [1, 10])
    def test_a_credit_in_range_is_returned(self, credit: int) -> None:
        said = wire.parse_flow_control(b'{"credit":%d}' % credit, 10)
        assert (said.credit, said.put_back) == (credit, 0)

    @pytest.mark.parametrize("count", [1, 11])
    def test_a_number_to_put_back_has_no_maximum_here(self, count: int) -> None:
        said = wire.parse_flow_control(b'{"put_back":%d}' % count, 10)
        assert (said.credit, said.put_back, said.stop) == (0, count, False)

    @pytest.mark.parametrize("count", [0, 3])
    def test_a_consumer_may_want_no_more(self, count: int) -> None:
        said = wire.parse_flow_control(b'{"put_back":%d,"stop":true}' % count, 10)
        assert (said.credit, said.put_back, said.stop) == (0, count, True)

    @pytest.mark.parametrize(
        ("text", "refusal"),
        [
            (b'{"credit":0}', InvalidCount),
            (b'{"credit":11}', InvalidCount),
            (b'{"credit":-1}', InvalidCount),
            (b'{"credit":"1"}', InvalidCount),
            (b'{"put_back":0}', InvalidCount),
            (b'{"put_back":-1,"stop":true}', InvalidCount),
            (b'{"credit":1,"stop":true}', InvalidCount),
            (b'{"stop":1}', InvalidCount),
            (b'{"put_back":-1}', InvalidCount),
            (b'{"put_back":1.5}', InvalidCount),
            (b'{"credit":1,"put_back":1}', InvalidCount),
            (b"{}", InvalidCount),
            (b"[]", InvalidCount),
            (b"{", InvalidJson),
            (b'{"credit":1,"x":1}', UnknownField),
            (b'{"credit":1,"credit":1}', UnknownField),
            (b'{"put_back":1,"put_back":2}', UnknownField),
        ],
    )
    def test_anything_else_is_refused(self, text: bytes, refusal: type[ZoldyQError]) -> None:
        with pytest.raises(refusal):
            wire.parse_flow_control(text, 10)


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", {}),
            ("timeout=5&count=2", {"timeout": "5", "count": "2"}),
            ("count=", {"count": ""}),
            ("count", {"count": ""}),
            ("co%75nt=%26", {"count": "&"}),
            ("count=%ff", {"count": "\N{REPLACEMENT CHARACTER}"}),
        ],
    )
    def test_a_query_is_read(self, query: str, expected: dict[str, str]) -> None:
        assert wire.parse_query(query, ("timeout", "count")) == expected

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("timeot=3", "timeot"),
            ("timeout=3&x", "x"),
            ("Timeout=3", "Timeout"),
            ("%74imeout =3", "timeout "),
            ("timeout=3&timeout=3", "timeout"),
            ("timeout=3&count=1&%74imeout=4", "timeout"),
            ("=3", ""),
            ("x" * 5_000 + "=1", "x" * 100),
        ],
    )
    def test_a_parameter_that_is_unknown_or_given_twice_is_named(
        self, query: str, parameter: str
    ) -> None:
        with pytest.raises(UnknownParameter) as refusal:
            wire.parse_query(query, ("timeout", "count"))
        assert refusal.value.details == {"parameter": parameter}

    def test_the_parameters_that_are_known_are_told(self) -> None:
        with pytest.raises(UnknownParameter, match="give timeout or count"):
            wire.parse_query("timeot=3", ("timeout", "count"))
        with pytest.raises(UnknownParameter, match="takes none"):
            wire.parse_query("timeout=3", ())

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            (None, 0),
            ("0", 0),
            ("3600", 3600),
            ("1.5", 1.5),
            ("1.", 1),
            (".5", 0.5),
            ("1e3", 1000),
            ("1E-3", 0.001),
            ("007", 7),
        ],
    )
    def test_a_timeout(self, text: str | None, seconds: float) -> None:
        assert wire.parse_timeout(text, 3600) == seconds

    @pytest.mark.parametrize(
        "text",
        [
            *("", "-1", "-0", "+1", " 1", "1 ", "1\n", "nan", "inf", "1e999", "3600.1", "0x1"),
            *("1_0", "five", ".", "e5", "1,5", "1s", "\N{ARABIC-INDIC DIGIT ONE}", "1" * 5_000),
        ],
    )
    def test_a_bad_timeout_tells_the_range(self, text: str) -> None:
        with pytest.raises(InvalidTimeout) as refusal:
            wire.parse_timeout(text, 3600)
        assert refusal.value.details == {"minimum": 0, "maximum": 3600}
        assert "from 0 to 3600" in refusal.value.message

    def test_a_long_bad_timeout_takes_time_in_proportion_to_its_length(self) -> None:
        """If the time grew with the square of the length, this would take hours."""
        with pytest.raises(InvalidTimeout):
            wire.parse_timeout("9" * 2_000_000 + "x", 3600)

    @pytest.mark.parametrize(("text", "number"), [(None, None), ("1", 1), ("10", 10), ("007", 7)])
    def test_a_count(self, text: str | None, number: int | None) -> None:
        assert wire.parse_count(text, 10) == number

    @pytest.mark.parametrize(
        "text",
        ["", "0", "11", "-1", "+1", "1.0", "1e1", " 1", "1\n", "nan", "1_0", "9" * 10_000, "x"],
    )
    def test_a_bad_count_tells_the_range(self, text: str) -> None:
        with pytest.raises(InvalidCount) as refusal:
            wire.parse_count(text, 10, "credit")
        assert refusal.value.details == {"minimum": 1, "maximum": 10}
        assert refusal.value.message == "credit must be a whole number from 1 to 10"
