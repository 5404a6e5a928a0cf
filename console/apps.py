from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        from console import accounts, capabilities, operations  # noqa: F401  (register what they hold)
        from console.supervisor import supervisor

        supervisor.service("operations", operations.watch)
