"""Names of tables and columns in the operator's language.

The apps name their fields in code, in English; the console alone shows them to people, so it alone
looks the names up in the catalogue.
"""

from django.apps import apps
from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy


def names_translate(site: AdminSite) -> None:
    """Make every name the site shows a lazy look-up. A field's own definition is not changed."""
    for model in site._registry:
        options = model._meta
        options.verbose_name = gettext_lazy(str(options.verbose_name))
        options.verbose_name_plural = gettext_lazy(str(options.verbose_name_plural))
        for field in options.fields:
            field.verbose_name = gettext_lazy(str(field.verbose_name))
        app = apps.get_app_config(options.app_label)
        app.verbose_name = gettext_lazy(str(app.verbose_name))
