"""The one error family. A service raises, the API renders; nothing in between catches."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal with a stable code. Subclasses set it, the status and a sentence with the fix."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    error_type: ClassVar[str] = "invalid_request_error"
    message: ClassVar[str] = "The request could not be processed."

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.text = message or self.message
        self.param = param
        self.retry_after = retry_after
        super().__init__(self.text)

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON in OpenAI's shape."""
        return {
            "error": {
                "message": self.text,
                "type": self.error_type,
                "param": self.param,
                "code": self.code,
            }
        }


class InvalidRequest(DomainError):
    """The body, a parameter or a header is wrong."""

    code, status = "invalid_request", 400
    message = "The request is not valid."


class OrganizationRequired(InvalidRequest):
    """The caller belongs to several organizations and named none."""

    code = "organization_required"
    message = "You belong to several organizations: name one in the header Anneal-Organization."


class AuthenticationFailed(DomainError):
    """No credentials, or credentials that are not valid (any more)."""

    code, status, error_type = "authentication_failed", 401, "authentication_error"
    message = "Send a valid API key as 'Authorization: Bearer ak_...', or sign in."


class QuotaExhausted(DomainError):
    """The balance does not cover the request."""

    code, status, error_type = "quota_exhausted", 402, "insufficient_quota"
    message = "The balance does not cover this request."


class PermissionDenied(DomainError):
    """The caller is known, and may not do this."""

    code, status, error_type = "permission_denied", 403, "permission_error"
    message = "Your role or key does not allow this."


class OrganizationSuspended(PermissionDenied):
    """The operator has suspended the organization."""

    code = "organization_suspended"
    message = "This organization is suspended. Ask the operator of this installation."


class NotFound(DomainError):
    """The object is not there, or belongs to somebody else: the caller cannot tell which."""

    code, status = "not_found", 404
    message = "No such object."


class MethodNotAllowed(DomainError):
    """The address exists and does not know this verb."""

    code, status = "method_not_allowed", 405
    message = "This address does not know that method."


class Conflict(DomainError):
    """The object's present state forbids the change."""

    code, status = "conflict", 409
    message = "The object's present state does not allow this."


class IdempotencyMismatch(Conflict):
    """An Idempotency-Key came back with another body."""

    code = "idempotency_mismatch"
    message = "This Idempotency-Key was used with another request: use a new key."


class IdempotencyInFlight(Conflict):
    """The first request with this Idempotency-Key still runs."""

    code = "idempotency_in_flight"
    message = "The first request with this Idempotency-Key is still running: try again shortly."


class PayloadTooLarge(DomainError):
    """The body is over the limit."""

    code, status = "payload_too_large", 413
    message = "The request is too large."


class UnsupportedMediaType(DomainError):
    """The body's content type is not read here."""

    code, status = "unsupported_media_type", 415
    message = "Send application/json, or multipart/form-data where a file is asked for."


class RateLimited(DomainError):
    """Too many requests for now."""

    code, status, error_type = "rate_limited", 429, "rate_limit_error"
    message = "Too many requests: wait and try again."


class Unavailable(DomainError):
    """A part the answer needs is away; a later try will do."""

    code, status, error_type = "unavailable", 503, "server_error"
    message = "The service is not available for the moment: try again shortly."


class StorageUnavailable(Unavailable):
    """The object storage does not answer, refuses, or is full."""

    code = "storage_unavailable"
    message = "The object storage does not answer or is full: try again, then ask the operator."


class InternalError(DomainError):
    """A fault of ours. The answer says nothing about its inside."""

    code, status, error_type = "internal_error", 500, "server_error"
    message = "Something went wrong on our side."
