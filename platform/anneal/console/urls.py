"""Addresses of the pages that join apps; the shell answers whatever nobody else does."""

from django.urls import path, re_path

from anneal.console.admin import site
from anneal.console.api_docs import ApiDocsView, OpenApiView
from anneal.console.home import HomeView
from anneal.console.mailbox import mailbox
from anneal.console.operator_link import operator_link
from anneal.console.probes import metrics, readyz
from anneal.console.shell import shell

urlpatterns = [
    path("v1/home", HomeView.as_view()),
    path("v1/openapi.json", OpenApiView.as_view(), name="openapi"),
    path("api/docs", ApiDocsView.as_view()),
    path("admin/", site.urls),
    path("operator/<str:token>", operator_link),
    path("dev/mail", mailbox),
    path("readyz", readyz),
    path("metrics", metrics),
    re_path(r"^(?P<path>.*)$", shell),
]
