"""Hosts from ssh_config and Ansible inventories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import InvalidInput
from hosts.inventories import Listed, parse

SSH = """
Host web-1 web-2
    HostName %h.example
    User deploy
Host db
  HostName 192.0.2.7
  Port=2222
Match exec "touch /tmp/never"
  User evil
Host web-* !web-2
    Port 2200
Host *
    User fallback
    ProxyCommand nc %h
"""
INI = """
lonely ansible_host=192.0.2.1
[web]
web[01:03].example ansible_user=deploy   # three of them
[web:vars]
ansible_port=2222
[db]
db-a
[all:vars]
ansible_user=root
[data:children]
db
[data:vars]
ansible_become=true
"""
YAML = """
all:
  vars:
    ansible_user: root
  children:
    web:
      hosts:
        web1: {ansible_host: 192.0.2.4}
        web2:
      vars: {ansible_port: 2022}
"""


def by_name(text):
    return {listed.name: listed for listed in parse(text)}


def test_ssh_config_takes_the_first_value_and_runs_nothing():
    hosts = by_name(SSH)
    assert list(hosts) == ["web-1", "web-2", "db"]
    assert hosts["web-1"] == Listed("web-1", "web-1.example", 2200, "deploy")
    assert hosts["web-2"] == Listed("web-2", "web-2.example", 0, "deploy")
    assert hosts["db"] == Listed("db", "192.0.2.7", 2222, "fallback")


def test_ansible_ini_has_ranges_groups_and_variables():
    hosts = by_name(INI)
    web = hosts["web02.example"]
    assert (web.user, web.port, web.groups) == ("deploy", 2222, {"web"})
    assert hosts["db-a"] == Listed("db-a", "db-a", 0, "root", sudo=True, groups=frozenset({"db", "data"}))
    assert hosts["lonely"].address == "192.0.2.1"


def test_ansible_yaml_is_read_the_same():
    hosts = by_name(YAML)
    assert hosts["web1"] == Listed("web1", "192.0.2.4", 2022, "root", groups=frozenset({"web"}))
    assert hosts["web2"].address == "web2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\na ansible_port=no", "not a port"),
        ("[web]\nw[1:999999]", "more than"),
        ("[web]\nw[1:c]", "mixes"),
        ("[web]\na 'b", "Line 2"),
        ("Host a\n  !!", "Line 2"),
        ("all:\n  hosts: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(InvalidInput, match=said):
        list(parse(text))


@given(st.text(max_size=200))
def test_any_text_gives_hosts_or_a_clear_error(text):
    try:
        assert all(isinstance(listed, Listed) for listed in parse(text))
    except InvalidInput as error:
        assert error.detail
