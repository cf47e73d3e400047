"""The console's Chinese catalogue: complete, compiled, and covering what the console shows."""

import gettext
import re
from pathlib import Path

from django.conf import settings
from django.utils import translation

from anneal.console.admin import site

FOLDER = Path(settings.LOCALE_PATHS[0]) / "zh_Hans" / "LC_MESSAGES"
UNTRANSLATED_ON_PURPOSE = {"ID", "slug"}


def test_every_entry_is_translated_and_compiled() -> None:
    text = (FOLDER / "django.po").read_text(encoding="utf-8")
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    entries = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', text, re.MULTILINE)

    assert len(entries) > 200
    for source, wanted in entries:
        assert wanted, source
        plain = source.replace('\\"', '"')
        assert compiled.gettext(plain) == wanted.replace('\\"', '"'), source


def test_every_name_the_console_shows_is_in_the_catalogue() -> None:
    with translation.override("zh-hans"):
        names = [
            str(name)
            for model in site._registry
            for name in (
                model._meta.verbose_name,
                model._meta.verbose_name_plural,
                *(field.verbose_name for field in model._meta.fields),
            )
        ]

    english = {name for name in names if name.isascii()} - UNTRANSLATED_ON_PURPOSE
    assert english == set()
