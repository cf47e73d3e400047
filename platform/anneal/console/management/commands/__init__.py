"""`org_create`, `operator_link`, `seed`."""
