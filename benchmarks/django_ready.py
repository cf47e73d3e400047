"""Makes Django ready where it is imported, for cases that call our services themselves."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anneal.settings")
django.setup()
