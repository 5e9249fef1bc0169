from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Authority, shared_certificate
from zoldyq.contract.errors import InvalidSetting
from zoldyq.server.tls import Certificate


def test_key_and_certificate_may_stand_in_one_file_or_in_two() -> None:
    both = shared_certificate()
    Certificate(str(both))
    Certificate(str(both.with_suffix(".crt")), str(both.with_suffix(".key")))


def test_a_mistake_names_its_setting_and_file_and_keeps_what_was_read(tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(shared_certificate().read_bytes())
    certificate = Certificate(str(file))
    before = certificate.context
    file.write_text("no PEM")
    with pytest.raises(InvalidSetting, match=rf"tls_cert: cannot use {file}: "):
        certificate.read_again()
    file.unlink()
    with pytest.raises(InvalidSetting, match="No such file"):
        certificate.read_again()
    assert certificate.context is before


def test_a_key_of_another_certificate_is_a_mistake(tmp_path: Path) -> None:
    other = Authority(tmp_path).issue().with_suffix(".key")
    with pytest.raises(InvalidSetting, match="the key is not that of"):
        Certificate(str(shared_certificate().with_suffix(".crt")), str(other))


def test_a_client_ca_without_certificates_is_a_mistake(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    with pytest.raises(InvalidSetting, match="tls_client_ca: cannot use"):
        Certificate(str(shared_certificate()), client_ca=str(empty))


def test_a_certificate_without_its_key_is_a_mistake_that_names_the_setting() -> None:
    alone = shared_certificate().with_suffix(".crt")
    with pytest.raises(InvalidSetting, match=r"missing there, .* named by tls_key"):
        Certificate(str(alone))
