from __future__ import annotations

import pytest

from containers.engine import masking
from containers.engine.masking import MASK


@pytest.mark.parametrize(
    "key",
    [
        "PASSWORD",
        "DB_PASS",
        "MYSQL_ROOT_PASSWORD",
        "API_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "GH_PAT_TOKEN",
        "api-key",
        "AUTH",
        "SECRET_KEY_BASE",
        "PGPASSWORD",
        "SENTRY_DSN",
        "private_key",
        "PASSPHRASE",
        "ENCRYPTION_SALT",
    ],
)
def test_secret_names(key: str) -> None:
    assert masking.environment([f"{key}=geheim"]) == ((key, MASK),)


@pytest.mark.parametrize(
    "key", ["PATH", "HOME", "AUTHOR", "KEYBOARD", "MONKEY", "DB_PASSWORD_FILE", "TZ", "COLOR"]
)
def test_plain_names(key: str) -> None:
    assert masking.environment([f"{key}=value"]) == ((key, "value"),)


def test_passwords_inside_urls() -> None:
    url = "postgres://app:geheim@db:5432/app"
    assert masking.environment([f"DATABASE_URL={url}"]) == (
        ("DATABASE_URL", f"postgres://app:{MASK}@db:5432/app"),
    )


def test_command_lines() -> None:
    argv = [
        "podman",
        "run",
        "-e",
        "API_TOKEN=geheim",
        "--env=DB_PASS=geheim",
        "--password",
        "geheim",
        "--password=geheim",
    ]
    shown = masking.command([*argv, "-c", "curl -H geheim x", "img"], secrets=["geheim"])
    assert "geheim" not in " ".join(shown)
    assert shown[:3] == ("podman", "run", "-e")
    assert shown[-1] == "img"
    assert masking.command(argv) == masking.command(argv, ["geheim"])


def test_an_empty_value_hides_nothing() -> None:
    assert masking.environment(["TOKEN=", "TOKEN"]) == (("TOKEN", ""), ("TOKEN", ""))
