"""The certificates that Vigie makes and takes."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from console import certificates
from console.launch import CannotStart, Listen

PLACE = Listen("192.0.2.7", 8443)


def test_it_is_kept_and_names_the_address(tmp_path: Path) -> None:
    first = certificates.own(tmp_path, PLACE)
    assert certificates.own(tmp_path, PLACE) == first
    assert (
        ssl._ssl._test_decode_cert(str(first.certificate))["subjectAltName"].count(("IP Address", "192.0.2.7"))
        == 1
    )


def test_it_is_made_anew_for_another_address(tmp_path: Path) -> None:
    first = certificates.own(tmp_path, PLACE)
    assert certificates.own(tmp_path, Listen("192.0.2.8", 8443)).fingerprint != first.fingerprint


def test_it_is_made_anew_before_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LIFETIME", timedelta(days=10))
    first = certificates.own(tmp_path, PLACE)
    assert certificates.own(tmp_path, PLACE).fingerprint != first.fingerprint


def test_a_wildcard_has_every_address_of_this_machine() -> None:
    names = certificates.names_of(Listen("0.0.0.0", 8443))
    assert "127.0.0.1" in names
    assert "0.0.0.0" not in names


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = certificates.own(tmp_path / "tls", PLACE)
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert made.key.parent.stat().st_mode & 0o777 == 0o700


def test_a_given_pair_with_its_chain(tmp_path: Path) -> None:
    leaf, other = certificates.own(tmp_path / "a", PLACE), certificates.own(tmp_path / "b", PLACE)
    full = tmp_path / "fullchain.pem"
    full.write_bytes(leaf.certificate.read_bytes() + other.certificate.read_bytes())
    taken = certificates.given(full, leaf.key, tmp_path / "tls")
    assert taken.fingerprint == leaf.fingerprint
    assert taken.chain
    assert taken.chain.read_bytes() == other.certificate.read_bytes()


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    one, other = certificates.own(tmp_path / "a", PLACE), certificates.own(tmp_path / "b", PLACE)
    with pytest.raises(CannotStart, match="is not the private key of"):
        certificates.given(one.certificate, other.key, tmp_path)
