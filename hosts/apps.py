from django.apps import AppConfig


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        from console import firststart
        from console.supervisor import supervisor
        from hosts import access, capabilities, inventory, palette, sampling, this_machine, top, units, watch  # noqa: F401  (they register themselves)

        firststart.step(this_machine.add)
        supervisor.service("hosts", watch.keep_hosts)
