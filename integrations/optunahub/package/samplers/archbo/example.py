"""Search a small space of networks; a formula stands in for a training."""

import optuna
import optunahub

module = optunahub.load_module("samplers/archbo")
space = module.CategoricalSpace(
    "my-space",
    {"width": [8, 16, 32, 64], "depth": [2, 4, 6], "activation": ["relu", "gelu", "silu"]},
)


def objective(trial: optuna.Trial) -> float:
    """What an architecture is worth."""
    width = trial.suggest_categorical("width", [8, 16, 32, 64])
    depth = trial.suggest_categorical("depth", [2, 4, 6])
    activation = trial.suggest_categorical("activation", ["relu", "gelu", "silu"])
    return float(70 + width**0.5 + depth + 2 * (activation == "silu"))


study = optuna.create_study(direction="maximize", sampler=module.ArchSampler(space, seed=0))
study.optimize(objective, n_trials=15)
