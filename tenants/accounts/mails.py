"""Mails of our own; allauth writes those about codes and passwords."""

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from tenants.accounts.models import User


def invitation_send(email: str, organization: str, inviter: str, url: str) -> None:
    """Send an invitation, in the invited person's language when they are known here."""
    language = User.objects.filter(email=email).values_list("language", flat=True).first()
    context = {"organization": organization, "inviter": inviter, "url": url}
    with translation.override(language or translation.get_language()):
        subject = render_to_string("accounts/mails/invitation_subject.txt", context)
        text = render_to_string("accounts/mails/invitation.txt", context)
    send_mail(" ".join(subject.split()), text, None, [email])
