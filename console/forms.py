"""What admins type into the access pages."""

from __future__ import annotations

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator

from console import access
from console.access import CAPABILITIES
from console.models import User
from console.users import ROLES


class UserForm(forms.Form):
    name = forms.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    role = forms.ChoiceField(choices=User.Role.choices, required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=User.Role.choices, required=False)


class GrantForm(forms.Form):
    capability = forms.CharField(
        max_length=64,
        widget=forms.TextInput({"list": "capabilities", "autocomplete": "off"}),
        help_text="a capability, a pattern such as units.*, or a role",
    )
    hosts = forms.CharField(
        max_length=200, initial="*", help_text="a host's name, a pattern such as web-*, or @group"
    )
    names = forms.CharField(
        max_length=200, initial="*", help_text="names of units, containers or logins; a pattern such as nginx*"
    )

    def clean_capability(self) -> str:
        wanted: str = self.cleaned_data["capability"]
        if wanted in ROLES or any(access.matches(wanted, name) for name in CAPABILITIES):
            return wanted
        raise forms.ValidationError("No capability and no role is named like this.")
