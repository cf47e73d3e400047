"""What the workers of jobs count."""

from typing import Final

from anneal.kernel.metrics import Counter

TRAINING_TOKENS: Final = Counter(
    "anneal_training_tokens_total", "Tokens that trainers went through.", ("device",)
)
TRAINING_STEPS: Final = Counter(
    "anneal_training_steps_total", "Optimizer steps of trainers.", ("device",)
)
