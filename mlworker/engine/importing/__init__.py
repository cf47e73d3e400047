"""Taking in a Hugging Face folder from a stranger: read as data, never run. No torch.

Everything is an allowlist: names of files, keys of configs, formats of tensors. The tokenizer is
compared and thrown away; the weights are copied number by number into an artifact of our own.
"""
