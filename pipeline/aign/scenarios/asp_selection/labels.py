"""What is measured of an assignment, and the words operators have for it."""

from __future__ import annotations

from aign.scenarios.core.constraints import Label

LABELS = (
    Label("crashes", "1", "lower", "How often a provider crashed.", ("crashes",)),
    Label("lost_tasks", "1", "lower", "Tasks lost in crashes, those that caused them included.",
          ("lost tasks", "tasks lost", "lose tasks", "lose", "lose any tasks", "tasks")),
    Label("finished_rate", "1", "higher", "Share of the tasks that were not lost.",
          ("share of finished tasks", "finished tasks", "tasks finished", "tasks finish", "finish tasks", "finish",
           "tasks"),
          (("%", 0.01),)),
    Label("max_occupancy", "1", "lower", "Largest share of a provider's capacity in use at any time.",
          ("highest occupancy", "occupancy", "maximum occupancy", "largest occupancy", "provider<=",
           "any provider<=", "every provider<=", "each provider<=", "full"), (("%", 0.01),)),
    Label("jain_load", "1", "higher", "Jain's fairness of the work (demand x runtime) assigned to each provider.",
          ("load fairness", "fairness of the load", "fair load", "load", "balance", "balanced", "fairness", "Jain",
           "Jain's index", "fair"), (("%", 0.01),)),
    Label("utility_per_task", "1", "higher", "Sum of rewards over the number of tasks.", ("utility per task",)))
