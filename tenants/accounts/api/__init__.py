"""`/v1/me`, `/v1/organization...`, `/v1/organizations`, `/v1/invitations/...`."""
