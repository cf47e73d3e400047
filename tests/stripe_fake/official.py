"""The official client, pointed at the fake."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import stripe

from tests.stripe_fake.fake import StripeFake


@contextmanager
def official_client(fake: StripeFake, *, retries: int = 0) -> Iterator[stripe.StripeClient]:
    """A client whose connections are closed at the end of the block."""
    with requests.Session() as session:
        yield stripe.StripeClient(
            fake.api_key,
            base_addresses={"api": fake.url},
            http_client=stripe.RequestsClient(session=session),
            max_network_retries=retries,
        )
