"""Input about hosts."""

from __future__ import annotations

import re

from django import forms

from hosts.models import Host

GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class HostForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no argument at run time
    groups = forms.CharField(
        required=False,
        max_length=500,
        help_text="Separated by blanks. Grants can be given for a group, as <code>@group</code>.",
    )

    class Meta:
        model = Host
        fields = ("name", "address", "port", "user", "sudo")
        labels = {"user": "Login", "sudo": "Use sudo"}
        help_texts = {
            "name": "What this console calls it: letters, digits, dots, hyphens and underscores.",
            "address": "Its host name or IP address.",
            "user": "Who Vigie signs in as. root needs no sudo.",
            "sudo": "For a login other than root: reach D-Bus, Podman and files with <code>sudo -n</code>.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["address"].required = True
        self.fields["groups"].initial = " ".join(self.instance.group_names)

    def clean_port(self) -> int:
        port = int(self.cleaned_data["port"])
        if not 0 < port < 65536:
            raise forms.ValidationError("A port is a number from 1 to 65535.")
        return port

    def clean_groups(self) -> list[str]:
        names = sorted(set(self.cleaned_data["groups"].replace(",", " ").split()))
        if wrong := [name for name in names if not GROUP.fullmatch(name)]:
            raise forms.ValidationError(f"{wrong[0]} cannot be a group's name.")
        return names

    def save(self, commit: bool = True) -> Host:
        """The Host as it shall be; hosts.fleet saves it."""
        self.instance.group_names = self.cleaned_data["groups"]
        return self.instance
