"""The engine: tasks, data, training and inference in plain PyTorch.

It knows nothing of Django, Celery or organizations. Modules that the web process may import
(`contracts`, `tokens`, `tokenizer`, `checkpoint`, `artifact_manifest`, `training.config`,
`base.locate`, `tasks`) do not import torch.
"""
