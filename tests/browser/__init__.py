"""What people see: the page, driven by a real browser against a real installation."""
