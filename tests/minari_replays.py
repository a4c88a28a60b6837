"""Every kind of scenario in small, and the replay of a Minari dataset as its readers do it: with Minari alone."""

from dataclasses import dataclass

import minari
import numpy as np

POWER, GAME, ASP = "power-allocation", "stackelberg", "asp-selection"
KINDS = {
    "water-filling": {"name": "water-filling", "channels": 4},
    "power-2": {"name": POWER, "users": 2, "gains": "general"},
    "power-20": {"name": POWER, "users": 20, "gains": "general"},
    "power-cells": {"name": POWER, "users": 7, "base_stations": 3, "utility": "rate"},
    "contract-2": {"name": "contract", "types": 2},
    "contract-10": {"name": "contract", "types": 10},
    "stackelberg": {"name": GAME, "devices": 5, "layers": "continuous", "information": "hidden"},
    "stackelberg-whole": {"name": GAME, "devices": 5, "layers": "integer", "reward": "binary"},
    "stackelberg-budget": {"name": GAME, "devices": 5, "layers": "continuous", "prices": "per-device"},
    "planning-polska": {"name": "ip-optical-planning", "topology": "polska"},
    "asp-selection": {"name": ASP, "providers": 5, "tasks": 24},
    "asp-drawn": {"name": ASP, "providers": 5, "tasks": 24, "fleet": "drawn", "capacities": "400-1500"},
    "gymnasium-values": {"name": "gymnasium", "environment": "Pendulum-v1", "horizon": 20},
    "gymnasium-choice": {"name": "gymnasium", "environment": "CartPole-v1", "horizon": 40},
    "gymnasium-choices": {"name": "gymnasium", "environment": "mobile-small-central-v0", "module": "mobile_env",
                          "seed_option": "config.seed", "horizon": 6},
}


@dataclass(frozen=True)
class Replay:
    """What a replay of all episodes of a Minari dataset found.

    Attributes:
        episodes: how many.
        elsewhere: how many of them do not begin in the first state of a reset by seed and context alone.
        same_return: how many have the stored return, in every bit.
        same_steps: how many have every stored reward and observation, in every bit, and the stored last flags.
        return_difference: largest relative difference of a replayed return from `return_raw` in the metadata.
    """

    episodes: int
    elsewhere: int
    same_return: int
    same_steps: int
    return_difference: float


def replay(dataset_id):
    """Load a Minari dataset, recover its environment, and play every episode by what is stored for it."""
    dataset = minari.load_dataset(dataset_id)
    environment = dataset.recover_environment()
    entries = dataset.storage.get_episode_metadata(dataset.episode_indices)
    episodes = [played(environment, episode, entry)
                for episode, entry in zip(dataset.iterate_episodes(), entries, strict=True)]
    elsewhere, same_return, same_steps, differences = zip(*episodes, strict=True)
    return Replay(len(episodes), sum(elsewhere), sum(same_return), sum(same_steps), max(differences))


def played(environment, episode, entry):
    """Play one episode; return whether it begins elsewhere, has the same return, the same steps, and the difference."""
    usual, _ = environment.reset(seed=entry["seed"], options={"context": entry["options"]["context"]})
    observations, rewards, flags = [environment.reset(seed=entry["seed"], options=entry["options"])[0]], [], (0, 0)
    for action in episode.actions:
        assert environment.action_space.contains(action), action
        observation, reward, *flags, _ = environment.step(action)
        observations.append(observation)
        rewards.append(reward)
    total = sum(rewards)
    same_steps = (np.array_equal(observations, episode.observations) and np.array_equal(rewards, episode.rewards)
                  and flags == [episode.terminations[-1], episode.truncations[-1]])
    difference = abs(total - float(entry["return_raw"])) / (1.0 + abs(total))
    return not np.array_equal(usual, observations[0]), total == sum(episode.rewards), same_steps, difference
