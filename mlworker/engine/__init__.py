"""The engine: tasks, data, training and inference in plain PyTorch.

It knows nothing of Django, Celery or organizations. Modules that the web process may import
(`contracts`, `tokens`, `tokenizer`, `durable`, `checkpoint`, `artifact_manifest`,
`training.config`, `base.locate`, `tasks`) do not import torch.
"""

import os

# Read once, when torch loads its OpenMP. By default waiting threads spin; once another process
# wants their core, each parallel region waits for a time slice: two threads trained 10 times slower
# than with sleeping waits on a busy two-core machine (measured).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
