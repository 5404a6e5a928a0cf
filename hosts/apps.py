from django.apps import AppConfig


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        from console import firststart
        from hosts import (
            capabilities,  # noqa: F401  (registers them)
            this_machine,
        )

        firststart.step(this_machine.add)
