"""What may be done with workloads. A grant's name pattern matches the workload's name."""

from console.access import Capability, register

register(
    Capability("workloads.view", "See workloads", "viewer", lists=True),
    Capability("workloads.logs", "Read the logs of workloads", "operator"),
    Capability("workloads.start", "Start workloads", "operator"),
    Capability("workloads.stop", "Stop workloads", "operator"),
    Capability("workloads.restart", "Restart workloads", "operator"),
    Capability("workloads.pause", "Pause and resume workloads", "operator"),
    Capability("workloads.kill", "Send signals to workloads", "operator"),
    Capability("workloads.remove", "Remove workloads", "admin"),
)
