from django.apps import AppConfig


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        from containers import capabilities, finder, top, watch  # noqa: F401  (they register themselves)
        from hosts import host_panels, overview

        overview.provide_workloads(watch.COUNTS, watch.counts)
        host_panels.guests.append(top.GUEST)
