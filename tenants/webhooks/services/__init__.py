"""What people and the installation do with webhooks."""
