"""Where Stripe tells what happened. No caller is known: the signature is the proof."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from anneal.kernel.errors import DomainError, MethodNotAllowed
from anneal.kernel.scopes import system_scope
from billing.payments.provider import provider_current
from billing.payments.services.intake import event_keep


@csrf_exempt
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Keep an event and answer at once; acting on it comes after, and may take its time."""
    if request.method != "POST":
        return JsonResponse(
            MethodNotAllowed().body(), status=MethodNotAllowed.status, headers={"Allow": "POST"}
        )
    try:
        event = provider_current().event_verified(
            request.body, request.headers.get("Stripe-Signature", "")
        )
    except DomainError as error:
        return JsonResponse(error.body(), status=error.status)
    with system_scope("stripe webhook"):
        event_keep(event)
    return JsonResponse({"received": True})
