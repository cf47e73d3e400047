"""What a person does on the page, in the words of the page's own language."""

import json
import re
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, StorageState, expect

from tests.browser.texts import text

CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)
PASSWORD = "copper-kettle-42"
TRAINED_MS = 240_000
ANSWERED_MS = 60_000


@dataclass
class Person:
    """Somebody with a browser."""

    page: Page
    language: str
    email: str
    organization: str = ""
    state: StorageState | None = field(default=None, repr=False)

    def say(self, key: str, **values: object) -> str:
        """Return a text of the page in this person's language."""
        return text(self.language, key, **values)

    def press(self, key: str, **values: object) -> None:
        """Press the button that carries a text."""
        self.page.get_by_role("button", name=self.say(key, **values), exact=True).click()

    def follow(self, key: str) -> None:
        """Follow the link that carries a text, on the page itself and not in the side bar."""
        main = self.page.get_by_role("main")
        main.get_by_role("link", name=self.say(key), exact=True).click()

    def fill(self, key: str, value: str) -> None:
        """Fill the field that carries a label."""
        self.page.get_by_label(self.say(key), exact=True).fill(value)

    def open(self, path: str) -> None:
        """Go to a page of the own organization."""
        self.page.goto(f"/o/{self.organization}{path}")

    def keep_state(self) -> None:
        """Remember the session, for other contexts."""
        self.state = self.page.context.storage_state()

    def sign_up(self) -> None:
        """Sign up, read the code from the local mail box, arrive at the own organization."""
        self.page.goto("/signup")
        self.fill("auth:email", self.email)
        self.fill("auth:password", PASSWORD)
        self.press("auth:signup.submit")
        self.page.wait_for_url("**/verify-email")
        expect(self.page.get_by_role("link", name=self.say("auth:mailbox"))).to_be_visible()
        self.fill("auth:code", self._code())
        self.press("auth:verify.submit")
        self.page.wait_for_url(re.compile(r"/o/[a-z0-9-]+$"))
        self.organization = self.page.url.rsplit("/", 1)[-1]

    def _code(self) -> str:
        address = f"/dev/mail?format=json&to={self.email}"
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            mails = self.page.request.get(address).json()["data"]
            found = CODE.search(mails[0]["text"]) if mails else None
            if found:
                return found.group()
            time.sleep(0.2)
        raise AssertionError(f"no code came for {self.email}")

    def key_create(self, name: str) -> str:
        """Make an API key and return its text, which the page shows this once."""
        self.open("/keys")
        self.press("keys:create")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label(self.say("keys:form.name")).fill(name)
        dialog.get_by_role("button", name=self.say("keys:form.submit")).click()
        shown = self.page.get_by_test_id("new-key")
        key = shown.inner_text().strip()
        self.page.get_by_label(self.say("keys:shown.stored")).check()
        self.press("keys:shown.done")
        expect(shown).to_have_count(0)
        return key

    def budget_add(self, *, amount: int, alerts: str) -> None:
        """Set the whole organization a budget of predictions a month, one that refuses."""
        self.open("/billing/budgets")
        self.press("billing:budgets.add")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label(self.say("billing:budgets.form.amount"), exact=True).fill(str(amount))
        dialog.get_by_label(self.say("billing:budgets.form.alerts"), exact=True).fill(alerts)
        dialog.get_by_role("button", name=self.say("billing:budgets.form.submit")).click()
        expect(dialog).to_have_count(0)

    def sample_data_add(self) -> None:
        """Use the sample reviews."""
        self.open("/datasets")
        self.press("datasets:sample")
        self.page.wait_for_url("**/datasets/ds_*")

    def upload(self, path: Path, *, label: str) -> None:
        """Upload a file through the wizard, naming the label's column, up to its own page."""
        self.open("/datasets/new")
        self.page.locator("input[type=file]").set_input_files(path)
        self.page.get_by_role("combobox", name=self.say("datasets:new.labelColumn")).click()
        self.page.get_by_role("option", name=label, exact=True).click()
        self.press("datasets:new.submit")
        self.page.wait_for_url("**/datasets/ds_*")

    def train_begin(self, name: str) -> None:
        """Begin to train the head on the dataset on screen."""
        self.follow("datasets:train")
        self.page.get_by_role("radio", name=self.say("training:presets.quick.name")).click()
        self.fill("training:form.suffix", name)
        expect(self.page.get_by_text(self.say("training:estimate.title"))).to_be_visible()
        self.press("training:estimate.start")
        self.page.wait_for_url("**/training/ftjob-*")

    def train_quickly(self, name: str) -> int:
        """Train the head on the dataset on screen; return how often the chart was seen to move."""
        self.train_begin(name)
        self.page.evaluate(WATCH_CHART)
        ready = self.page.get_by_text(self.say("training:outcome.ready"))
        failed = self.page.get_by_text(self.say("training:outcome.failed"))
        ready.or_(failed).first.wait_for(timeout=TRAINED_MS)
        expect(ready).to_be_visible()
        moves: int = self.page.evaluate("window.chartMoves.size")
        return moves

    def deploy(self, name: str) -> None:
        """Deploy the model of the finished job on screen."""
        self.follow("training:outcome.deploy")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label(self.say("deployments:columns.name")).fill(name)
        dialog.get_by_role("button", name=self.say("deployments:form.submit")).click()
        self.page.wait_for_url("**/deployments/dep_*")

    def classify(self, value: str) -> str:
        """Ask the playground's chosen model; return the label it puts first."""
        self.page.get_by_label(self.say("playground:text"), exact=True).fill(value)
        self.press("playground:run")
        result = self.page.get_by_test_id("playground-result")
        result.wait_for(timeout=ANSWERED_MS)
        return result.locator("li[data-top] span").first.inner_text()


WATCH_CHART = """() => {
  window.chartMoves = new Set();
  const look = () => {
    const points = document.querySelector('[data-testid=charts]')?.dataset.points;
    if (points) window.chartMoves.add(points);
  };
  look();
  new MutationObserver(look).observe(document.body, {
    childList: true, subtree: true, attributes: true, attributeFilter: ['data-points'],
  });
}"""


def person_new(page: Page, language: str) -> Person:
    """A person nobody has seen before."""
    return Person(page=page, language=language, email=f"p{uuid4().hex[:12]}@example.com")


def api_classify(url: str, key: str, model: str, value: str) -> dict[str, Any]:
    """Call the API as a customer's program does."""
    request = urllib.request.Request(
        f"{url}/v1/classify",
        data=json.dumps({"model": model, "input": value}).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: dict[str, Any] = json.load(answer)
    return content
