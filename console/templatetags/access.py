"""`{% can "units.restart" host unit as allowed %}`: may the signed-in user do this here?"""

from __future__ import annotations

from typing import Any

from django import template

from console.access import CAPABILITIES, Capability, Scope

register = template.Library()


@register.simple_tag(takes_context=True)
def can(context: dict[str, Any], capability: str, host: Scope | None = None, name: str | None = None) -> bool:
    return bool(context["rights"].allows(capability, host, name))


@register.filter
def capability(name: str) -> Capability:
    return CAPABILITIES[name]
