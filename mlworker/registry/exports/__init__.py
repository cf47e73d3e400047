"""Versions in forms to take away: asked for, made aside by a worker, signed, downloaded."""
