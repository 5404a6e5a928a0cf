"""A host's navigation offers what its pages would show, and nothing else."""

from __future__ import annotations

import re

import pytest
from django.template.loader import render_to_string

from console.access import Grant, Rights
from hosts.models import Host
from hosts.urls import urlpatterns

WEB1 = Host(pk=1, name="web1", address="web1.example")


def titles(rights: Rights) -> list[str]:
    html = render_to_string("components/nav_host.html", {"host": WEB1, "nav": "host", "rights": rights})
    return re.findall(r"</i>(\w+)</a>", html)


@pytest.mark.parametrize(
    "rights, offered",
    [
        (Rights("admin"), "Overview Units Timers Journal Containers Terminal Operations"),
        (Rights("operator"), "Overview Units Timers Journal Containers Operations"),
        (Rights("viewer"), "Overview Units Timers Containers Operations"),
        (Rights("", (Grant("units.view", "web*", "nginx*"),)), "Units Timers Operations"),
        (Rights("", (Grant("journal.view", "web*", "nginx*"),)), "Operations"),
        (Rights("", (Grant("journal.view", "web*", "*"),)), "Journal Operations"),
    ],
)
def test_navigation_is_what_the_rights_open(rights, offered):
    assert titles(rights) == offered.split()


def test_operations_of_a_host_are_the_list_filtered_by_it():
    html = render_to_string("components/nav_host.html", {"host": WEB1, "nav": "", "rights": Rights("admin")})
    assert 'href="/operations/?host_name=web1"' in html
    assert not [pattern for pattern in urlpatterns if str(pattern.pattern).endswith("operations/")]
