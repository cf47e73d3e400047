"""What sign-up asks beside address and password. allauth builds its own form upon this one."""

from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest


class SignupForm(forms.Form):
    """A name, if the person cares to give one."""

    name = forms.CharField(max_length=120, required=False)

    def signup(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Do nothing: the adapter has saved user and organization in one transaction."""
