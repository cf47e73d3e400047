"""The audit trail as an organization's admins read it; the kernel writes it."""
