"""Input about new units."""

from __future__ import annotations

from typing import Any

from django import forms

from console.errors import InvalidInput
from hosts import unit_drafts, unit_files


class UnitForm(forms.Form):
    """Fills in a unit file's text. `suffix`: the type of the unit; `compose` may raise InvalidInput."""

    suffix = ""
    name = forms.CharField(max_length=200, label="Name")
    description = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, user_manager: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_manager = user_manager

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip().removesuffix(f".{self.suffix}") + f".{self.suffix}"
        try:
            return unit_files.checked_name(name)
        except InvalidInput as error:
            raise forms.ValidationError(error.detail) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            cleaned["description"] = cleaned["description"] or cleaned["name"]
            try:
                cleaned["text"] = self.compose(cleaned)
            except InvalidInput as error:
                raise forms.ValidationError(error.detail) from error
        return cleaned

    def compose(self, values: dict[str, Any]) -> str:
        raise NotImplementedError


class ServiceForm(UnitForm):
    suffix = "service"
    exec_start = forms.CharField(
        max_length=2000,
        label="Command",
        help_text="A program and its arguments, quoted as in a shell. No shell runs it.",
    )
    user = forms.CharField(
        max_length=33, required=False, label="Runs as", help_text="A login of the host. Empty: root."
    )
    working_directory = forms.CharField(max_length=500, required=False, label="Working folder")
    environment = forms.CharField(
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="NAME=value, one a line.",
    )
    restart = forms.ChoiceField(choices=[(way, way) for way in unit_drafts.RESTARTS], initial="on-failure")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.user_manager:
            del self.fields["user"]

    def compose(self, values: dict[str, Any]) -> str:
        return unit_drafts.service(
            description=values["description"],
            exec_start=values["exec_start"],
            user=values.get("user", ""),
            folder=values["working_directory"],
            env=values["environment"],
            restart=values["restart"],
            user_manager=self.user_manager,
        )


class TimerForm(UnitForm):
    suffix = "timer"
    calendar = forms.CharField(
        max_length=200,
        label="When",
        help_text="Such as <code>daily</code>, <code>Mon..Fri 08:30</code>, <code>*:0/15</code>.",
    )
    unit = forms.CharField(
        max_length=255, label="Starts", help_text="The unit that it starts, such as backup.service."
    )
    persistent = forms.BooleanField(
        required=False, label="Catch up", help_text="Start it at once when the host was off at the time."
    )

    def clean_unit(self) -> str:
        try:
            return unit_files.checked_name(self.cleaned_data["unit"].strip())
        except InvalidInput as error:
            raise forms.ValidationError(error.detail) from error

    def compose(self, values: dict[str, Any]) -> str:
        return unit_drafts.timer(
            description=values["description"],
            calendar=values["calendar"],
            unit=values["unit"],
            persistent=values["persistent"],
        )


FORMS: dict[str, type[UnitForm]] = {"service": ServiceForm, "timer": TimerForm}
