from django.apps import AppConfig


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        from containers import capabilities, watch  # noqa: F401  (they register themselves)
