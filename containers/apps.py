from django.apps import AppConfig


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        from containers import capabilities, finder, watch  # noqa: F401  (they register themselves)
        from hosts import overview

        overview.provide_workloads(watch.COUNTS, watch.counts)
