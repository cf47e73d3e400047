"""Django's entry to the simulation."""

from django.apps import AppConfig


class SimulationConfig(AppConfig):
    """A command alone: no tables."""

    name = "billing.simulation"
    label = "simulation"
    verbose_name = "Simulation"
