"""Settings: every source, every kind of value, and what a person is told when one is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from zoldyq.config import SETTINGS, Settings, settings_table
from zoldyq.contract.errors import InvalidSetting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings_file(tmp_path, monkeypatch):
    """Write ``zoldyq.toml`` in the working directory and return its relative path."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("zoldyq.toml").write_text(text, encoding="utf-8")
        return Path("zoldyq.toml")

    return write


def refusal(flags=None, environ=None, file=None) -> str:
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(flags, environ or {}, file)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestPrecedence:
    def test_defaults_are_the_documented_ones(self):
        settings = Settings.load(environ={})
        assert (settings.host, settings.port) == ("0.0.0.0", 9000)
        assert settings.default_queue_capacity == 100_000
        assert settings.max_queues == 100
        assert settings.max_bytes == 1024**3
        assert settings.log_level == "info"
        assert settings == Settings()

    def test_each_source_wins_over_those_below_it(self, settings_file):
        file = settings_file("port = 1\nmax_queues = 1\nthreads = 1\n")
        environ = {"ZOLDYQ_PORT": "2", "ZOLDYQ_MAX_QUEUES": "2"}
        settings = Settings.load({"port": "3"}, environ, file)
        assert (settings.port, settings.max_queues, settings.threads) == (3, 2, 1)
        assert settings.max_count == 10_000

    def test_flags_that_were_not_given_win_over_nothing(self):
        flags = {"port": None, "tokens": ()}
        settings = Settings.load(flags, {"ZOLDYQ_PORT": "7", "ZOLDYQ_TOKEN": "secret"})
        assert (settings.port, settings.tokens) == (7, ("secret",))

    def test_lists_replace_and_do_not_add_up(self):
        settings = Settings.load({"tokens": ("mine",)}, {"ZOLDYQ_TOKEN": "yours,theirs"})
        assert settings.tokens == ("mine",)

    def test_the_environment_names_the_file(self, settings_file):
        file = settings_file("port = 1234\n")
        assert Settings.load(environ={"ZOLDYQ_CONFIG": str(file)}).port == 1234

    def test_the_given_file_wins_over_the_one_in_the_environment(self, settings_file):
        file = settings_file("port = 1234\n")
        assert Settings.load(environ={"ZOLDYQ_CONFIG": "/nowhere.toml"}, file=file).port == 1234

    def test_the_process_environment_is_read_by_default(self, monkeypatch):
        monkeypatch.setenv("ZOLDYQ_PORT", "4321")
        assert Settings.load().port == 4321

    @pytest.mark.parametrize("each", SETTINGS, ids=lambda each: each.name)
    def test_every_setting_can_come_from_every_source(self, each, settings_file):
        text = {"unix_socket": "/run/z.sock", "tokens": "abc", "cors_origins": "http://a"}.get(
            each.name, each.default_text
        )
        text = text or "none"
        expected = each.kind.parse(text)
        file = settings_file(f'{each.name} = "{text}"\n')
        assert getattr(Settings.load(environ={}, file=file), each.name) == expected
        assert getattr(Settings.load(environ={each.variable: text}), each.name) == expected
        assert getattr(Settings.load({each.name: text}, {}), each.name) == expected

    @pytest.mark.parametrize("variable", ["ZOLDYQ_PORT", "ZOLDYQ_UNIX_SOCKET", "ZOLDYQ_CONFIG"])
    def test_an_empty_variable_counts_as_not_given(self, variable):
        assert Settings.load(environ={variable: ""}) == Settings()

    def test_an_empty_token_is_refused_rather_than_an_open_server_started(self):
        assert refusal(environ={"ZOLDYQ_TOKEN": ""}).startswith("ZOLDYQ_TOKEN: this value is empty")


class TestErrorsNameTheirSource:
    WRONG = "'banana' is not allowed; give a whole number from 0 to 65535"

    def test_a_flag(self):
        assert refusal({"port": "banana"}) == f"--port: {self.WRONG}"

    def test_a_flag_with_a_name_of_its_own(self):
        assert refusal({"default_queue_capacity": "0"}).startswith("--capacity: '0' is not allowed")

    def test_a_variable(self):
        assert refusal(environ={"ZOLDYQ_PORT": "banana"}) == f"ZOLDYQ_PORT: {self.WRONG}"

    def test_a_key_in_the_file(self, settings_file):
        file = settings_file('port = "banana"\n')
        assert refusal(file=file) == f"port in zoldyq.toml: {self.WRONG}"

    def test_a_value_given_in_python(self):
        with pytest.raises(InvalidSetting, match=r"^port: 70000 is not allowed"):
            Settings(port=70_000)

    def test_a_wrong_value_below_a_right_one_is_told_as_well(self):
        assert refusal({"port": "1"}, {"ZOLDYQ_PORT": "banana"}).startswith("ZOLDYQ_PORT: ")


class TestFile:
    @pytest.mark.parametrize(
        ("key", "meant"),
        [("prot", "port"), ("capacity", "default_queue_capacity"), ("token", "tokens")],
    )
    def test_an_unknown_key_is_an_error_naming_the_nearest(self, key, meant, settings_file):
        assert refusal(file=settings_file(f"{key} = 1\n")) == (
            f"'{key}' in zoldyq.toml: no such setting; did you mean {meant}?"
        )

    def test_an_unknown_key_like_none_gets_the_list(self, settings_file):
        text = refusal(file=settings_file("colour = 'red'\n"))
        assert "known are host, port, unix_socket, " in text

    def test_a_table_in_place_of_a_value_does_not_leak_what_it_holds(self, settings_file):
        text = refusal(file=settings_file("[server]\ntokens = ['hunter2']\n"))
        assert text.startswith("server in zoldyq.toml: this value is not allowed")
        assert "hunter2" not in text

    def test_native_types(self, settings_file):
        file = settings_file(
            "max_bytes = 1_000_000_000\nmax_body_bytes = '1MB'\nmax_timeout = 1.5\n"
            "drain_seconds = 2\ntokens = ['a', 'b']\n"
        )
        settings = Settings.load(environ={}, file=file)
        assert (settings.max_bytes, settings.max_body_bytes) == (10**9, 10**6)
        assert (settings.max_timeout, settings.drain_seconds) == (1.5, 2.0)
        assert settings.tokens == ("a", "b")

    def test_a_missing_file(self, settings_file):
        assert refusal(file=Path("none.toml")) == (
            "cannot read the settings file none.toml: No such file or directory"
        )

    def test_a_folder(self, tmp_path):
        assert "is a folder" in refusal(file=tmp_path)

    def test_a_file_that_is_not_toml(self, settings_file):
        text = refusal(file=settings_file("port 9000\n"))
        assert text.startswith("the settings file zoldyq.toml is not TOML: ")
        assert "line 1" in text

    def test_a_file_that_is_not_text(self, tmp_path):
        file = tmp_path / "zoldyq.toml"
        file.write_bytes(b"host = '\xff'\n")
        assert refusal(file=file).endswith("is not UTF-8 text")


class TestValues:
    @pytest.mark.parametrize(
        ("name", "given", "read"),
        [
            ("port", "0", 0),
            ("port", " 65535\n", 65_535),
            ("max_bytes", "1GiB", 1024**3),
            ("max_bytes", "512MiB", 512 * 1024**2),
            ("max_bytes", "9 mb", 9_000_000),
            ("max_bytes", "10_000_000", 10_000_000),
            ("max_header_bytes", "64KB", 64_000),
            ("max_header_bytes", "64KiB", 65_536),
            ("max_timeout", "1.5", 1.5),
            ("max_timeout", "1e3", 1000.0),
            ("server", "Waitress", "waitress"),
            ("log_level", "WARNING", "warn"),
            ("log_level", "Debug", "debug"),
            ("host", "::1", "::1"),
            ("host", "fe80::1%eth0", "fe80::1%eth0"),
            ("host", "my_host.example.com", "my_host.example.com"),
            ("unix_socket", "/" + "a" * 106, "/" + "a" * 106),
            ("tokens", "a, b,c!", ("a", "b", "c!")),
            ("cors_origins", "HTTPS://App.Example.com:443", ("https://app.example.com",)),
            ("cors_origins", "http://localhost:3000,http://[::1]:80", None),
            (
                "allowed_hosts",
                "Queues.Example.com,*.below.org",
                ("queues.example.com", "*.below.org"),
            ),
        ],
    )
    def test_accepted(self, name, given, read):
        if read is None:
            read = ("http://localhost:3000", "http://[::1]")
        value = getattr(Settings.load({name: given}, {}), name)
        assert value == read
        assert type(value) is type(read)

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("port", "-1"),
            ("port", "65536"),
            ("port", "80.0"),
            ("port", 80.0),
            ("port", True),
            pytest.param("port", "9" * 5000, id="long-text"),
            pytest.param("port", 10**5000, id="number-python-does-not-write"),
            ("max_bytes", "1.5GiB"),
            ("max_bytes", "___KiB"),
            ("max_bytes", "-1MiB"),
            ("max_bytes", "1"),
            ("max_timeout", "nan"),
            ("max_timeout", "inf"),
            ("max_timeout", "-1"),
            ("max_timeout", "25h"),
            ("max_timeout", True),
            pytest.param("max_timeout", 10**400, id="number-beyond-floats"),
            ("head_seconds", "0"),
            ("server", "gunicorn"),
            ("log_level", 3),
            ("host", "http://localhost"),
            ("host", "127.0.0.1:9000"),
            ("host", "[::1]"),
            ("host", ""),
            ("unix_socket", ""),
            ("unix_socket", "a\0b"),
            ("unix_socket", "é" * 54),
            ("cors_origins", "https://a.example/"),
            ("cors_origins", "https://a.example/path"),
            ("cors_origins", "a.example"),
            ("cors_origins", "http://a:0"),
            ("cors_origins", "http://a:65536"),
            ("cors_origins", "http://a,"),
            ("allowed_hosts", "*"),
            ("allowed_hosts", "*."),
            ("allowed_hosts", "a.*"),
            ("allowed_hosts", "http://a"),
            ("allowed_hosts", "a:80"),
            ("allowed_hosts", "a,"),
            ("tokens_file", ""),
            ("tokens_file", 5),
            ("cors_origins", 5),
        ],
    )
    def test_refused_in_one_short_line(self, name, given):
        assert len(refusal({name: given})) < 300

    def test_every_origin_is_refused_with_the_reason(self):
        assert "every web page" in refusal({"cors_origins": ("*",)})
        assert "sandboxed" in refusal(environ={"ZOLDYQ_CORS_ORIGINS": "null"})

    def test_the_longest_socket_path_is_told(self):
        assert "has 108 bytes; give a path of 1 to 107 bytes" in refusal({"unix_socket": "a" * 108})


class TestTogether:
    def test_replicas_have_less_time_than_the_connection(self):
        text = refusal({"redis_wait_replicas": "1", "redis_wait_seconds": "2"})
        assert text.startswith("redis_wait_seconds (2) must be below redis_timeout (2)")
        assert Settings(redis_wait_seconds=2).redis_wait_replicas == 0

    def test_waiting_must_leave_a_thread_free_under_waitress(self):
        text = refusal({"server": "waitress", "threads": "8", "max_waiting": "8"})
        assert text.startswith("max_waiting (8) must be below threads (8)")
        assert Settings(server="waitress", threads=9, max_waiting=8).threads == 9
        assert Settings(server="native", threads=4, max_waiting=8).threads == 4

    def test_a_body_must_fit_into_the_memory_for_messages(self):
        assert "must not exceed max_bytes" in refusal({"max_bytes": "1MiB"})
        assert Settings(max_bytes=1 << 20, max_body_bytes=1 << 20).max_bytes == 1 << 20


class TestSecrets:
    @pytest.mark.parametrize("given", ["hunter2 x", "hunter2é", "hunter2,", ("hunter2,b",)])
    def test_a_wrong_token_is_not_shown(self, given):
        assert "hunter2" not in refusal({"tokens": given})
        if isinstance(given, str):
            assert "hunter2" not in refusal(environ={"ZOLDYQ_TOKEN": given})

    def test_tokens_are_not_in_the_representation(self):
        assert "hunter2" not in repr(Settings(tokens=("hunter2",)))


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1


def test_names_are_unique():
    for names in zip(*((s.name, s.flag, s.variable) for s in SETTINGS), strict=True):
        assert len(set(names)) == len(SETTINGS)


def test_every_default_is_allowed_and_shown_as_it_may_be_given():
    for each in SETTINGS:
        assert each.kind.parse(each.default) == each.default
        if each.default_text:
            assert each.kind.parse(each.default_text) == each.default


def test_the_readme_has_the_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition("<!-- settings:begin -->\n")
    table, end, _ = rest.partition("<!-- settings:end -->")
    assert end, "README.md has no settings:begin and settings:end markers"
    assert table == settings_table()
