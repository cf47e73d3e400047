"""`/v1/billing/invoices`, `/v1/billing/credit_notes` and `/v1/billing/profile`."""
