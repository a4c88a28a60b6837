"""Results as cells would give them, small and with known winners."""

from studies import claims, convergence, table_one
from studies.comparison import CERTIFIED, ROUNDED

METHODS = {"sac": 0.995, "ppo": 0.997, "bcq": 0.99, "diffuser_unet_single": 0.994, "diffuser_unet_best_of_4": 0.999,
           "diffuser_set_single": 0.985, "diffuser_set_best_of_4": 0.998, "full_power": 0.8, ROUNDED: 0.9995,
           CERTIFIED: 1.0}
KINDS = ("sac", "ppo", "bcq", "unet", "set")


def spread(mean):
    return {"mean": mean, "mean_low": mean - 0.01, "mean_high": mean + 0.01, "q05": mean - 0.02, "worst": mean - 0.05}


def compared(users, shift=0.0):
    """What one comparison cell finds; the utility of the optimum is ten a user."""
    figures = {name: {"utility": 10 * users * (quality + shift), "utility_ratio": spread(quality + shift),
                      "normalised_return_pooled": spread(quality + shift),
                      "milliseconds_per_design": 1.23456} for name, quality in METHODS.items()}
    return {"methods": figures, "contexts": 16, "certificate": "upper bound", "statement": "A bound."}


def table(users=(20, 50), seeds=3):
    found = {(size, gains): [compared(size, 0.0001 * seed) for seed in range(seeds)]
             for size in users for gains in ("preset", "general")}
    seconds = {"sac": 60.0, "ppo": 20.0, "bcq": 5.0, "unet": 30.0, "set": 40.0}
    costs = {(kind, size): {"training_seconds": value, "environment_steps": 1000}
             for kind, value in seconds.items() for size in users}
    return table_one.rows(found, costs)


def curve(step_seconds, qualities):
    return [{"gradient_steps": 100.0 * (index + 1), "seconds": step_seconds * (index + 1),
             "environment_steps": 1000.0 * (index + 1), "normalised_return_pooled": value}
            for index, value in enumerate(qualities)]


def curves(users=(20, 50)):
    learned = {"sac": curve(20, (0.5, 0.96, 0.99)), "ppo": curve(5, (0.97, 0.98, 0.995)),
               "bcq": curve(1, (0.9, 0.985, 0.99)), "unet": curve(4, (0.2, 0.9, 0.99)),
               "set": curve(10, (0.2, 0.9, 0.97))}
    return {kind: {size: [learned[kind]] * 2 for size in users} for kind in KINDS}


def transfer():
    return [{"users": 35, "method": name, "seeds": 3, "utility": 350 * value, "worst_ratio": value - 0.1,
             "utility_ratio": {"mean": value, "low": value - 0.01, "high": value + 0.01},
             "normalised_return_pooled": {"mean": value, "low": value - 0.01, "high": value + 0.01},
             "milliseconds_per_design": 1.0}
            for name, value in (("diffuser_set_single", 0.985), ("sac_trained_on_20", 0.99), ("full_power", 0.7))]


def evidence(**changes):
    values = {"table": table(), "convergence": convergence.summary(curves()), "transfer": transfer(),
              "constraints": None, "candidates": 4}
    return claims.Evidence(**{**values, **changes})


def about():
    return {"seeds": [0, 1, 2], "contexts": 16, "candidates": 4, "certificate": "upper bound",
            "statement": "A bound.",
            "trained_on": [{"agent": "sac", "users": [20, 50], "trained_on": "discount 0; rewards: others'"}],
            "gradient_steps": {"unet": 100}, "parameters": {"unet": {"20": 1234}},
            "bcq_steps_drawn": {"20": 99}, "same_policy_again": {"sac-20": True, "ppo-20": False},
            "preparation_seconds": {"unet-20-0": 2.5}, "code": ["abc"], "stale": ["bcq-20-0"],
            "machine": {"processor": "a processor", "cores": 2, "workers": 2}}
