"""The engine: tasks, data, training and inference in plain PyTorch.

It knows nothing of Django, Celery or organizations. Modules that the web process may import
(`contracts`, `tokens`, `tokenizer`, `durable`, `checkpoint`, `artifact_manifest`,
`training.config`, `base.locate`, `precision`, `tasks`) do not import torch.
"""

import os
from typing import Final

# Read once, when torch loads its OpenMP. By default waiting threads spin; once another process
# wants their core, each parallel region waits for a time slice: two threads trained 10 times slower
# than with sleeping waits on a busy two-core machine (measured). Threads that sleep at once are
# woken 70 times for one short row, which took twice as long: they spin for a quarter of a
# millisecond, which is over before anybody misses the core. GNU's OpenMP spins less by itself while
# a process has more such threads than cores, so what works beside a forward pass keeps to one.
WAITING: Final = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}
for _name, _value in WAITING.items():
    os.environ.setdefault(_name, _value)
