"""Addresses of promotions, under `/v1/`."""

from django.urls import path

from billing.promotions.api import PromotionCodesView, RedeemView

urlpatterns = [
    path("billing/promotion_codes", PromotionCodesView.as_view()),
    path("billing/promotion_codes/redeem", RedeemView.as_view()),
]
